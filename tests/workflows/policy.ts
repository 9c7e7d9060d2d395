import { stepsOf, type Job, type Workflow } from './workflows.ts';

/** A rule for workflows: what breaks it, a sentence each. */
export type Rule = (workflow: Workflow) => readonly string[];

const jobsOf = ({ jobs }: Workflow): readonly (readonly [string, Job])[] => Object.entries(jobs);

const isRelease = ({ file, on }: Workflow): boolean =>
  file.startsWith('_') || file.startsWith('release') || JSON.stringify(on).includes('"tags"');

/** A caller's own `concurrency` holds for what it calls; one there would make the two wait for each other. */
const isOnlyCalled = ({ on }: Workflow): boolean => Object.keys(on).join() === 'workflow_call';

export const POLICY: Readonly<Record<string, Rule>> = {
  'actions are pinned to a commit, and say which version it is': ({ text }) =>
    [...text.matchAll(/^\s*(?:- )?uses: (.*)$/gm)]
      .map(([, uses = '']) => uses)
      .filter((uses) => !uses.startsWith('./'))
      .filter((uses) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(uses)),

  'one action has one version': ({ text }) => {
    const pins = [...text.matchAll(/uses: ([\w./-]+)@(\S+)/g)].map(([, action, pin]) => ({
      action,
      pin,
    }));
    return pins
      .filter(({ action, pin }) =>
        pins.some((other) => other.action === action && other.pin !== pin),
      )
      .map(({ action, pin }) => `${action}@${pin}`);
  },

  'nothing is permitted at the top': ({ permissions }) =>
    JSON.stringify(permissions) === '{}' ? [] : ['permissions: {} is not on top'],

  'each job says what it may, and nobody may write everything': (workflow) =>
    jobsOf(workflow).flatMap(([name, { permissions }]) =>
      typeof permissions === 'object' ? [] : [`job ${name} has no permissions of its own`],
    ),

  'each grant says what it is for': ({ text }) =>
    text
      .split('\n')
      .filter(
        (line) => /^\s+[a-z-]+: (read|write)\b/.test(line) && !/: (read|write) # \S/.test(line),
      )
      .map((line) => line.trim())
      // What the comment on top shows callers.
      .filter((line) => !line.startsWith('#')),

  'checking out leaves no credentials behind': (workflow) =>
    stepsOf(workflow)
      .filter(({ step }) => step.uses?.startsWith('actions/checkout@') === true)
      .filter(({ step }) => step.with?.['persist-credentials'] !== false)
      .map(({ job }) => `job ${job} checks out with credentials`),

  'no template is expanded in a script': (workflow) =>
    stepsOf(workflow)
      .filter(({ step }) => step.run?.includes('${{') === true)
      .map(({ job, step }) => `job ${job}: ${step.name ?? step.run ?? ''}`),

  'secrets are for jobs with an environment': (workflow) =>
    jobsOf(workflow)
      .filter(([, job]) => /\bsecrets\b/.test(JSON.stringify(job)) && job.environment === undefined)
      .map(([name]) => `job ${name} has secrets without an environment`),

  'a job with secrets installs nothing, checks nothing out and compiles nothing': (workflow) =>
    jobsOf(workflow)
      .filter(([, job]) => /\bsecrets\./.test(JSON.stringify(job)))
      .flatMap(([name, { steps = [] }]) =>
        steps
          .filter(
            ({ uses = '', run = '' }) =>
              uses.startsWith('actions/checkout@') ||
              /\b(npm|npx|pip|docker|podman|idf\.py|make|cmake|apt-get|git)\b/.test(run),
          )
          .map((step) => `job ${name}: ${step.name ?? step.uses ?? ''}`),
      ),

  'release jobs have no cache': (workflow) =>
    isRelease(workflow)
      ? stepsOf(workflow)
          .filter(
            ({ step }) =>
              (step.uses ?? '').startsWith('actions/cache') ||
              step.with?.['cache'] !== undefined ||
              ((step.uses ?? '').startsWith('actions/setup-node@') &&
                step.with?.['package-manager-cache'] !== false),
          )
          .map(({ job, step }) => `job ${job}: ${step.uses ?? ''}`)
      : [],

  'each job ends in time': (workflow) =>
    jobsOf(workflow)
      .filter(([, job]) => job.uses === undefined && job['timeout-minutes'] === undefined)
      .map(([name]) => `job ${name} has no timeout-minutes`),

  'runs do not get into each other, and a release is not cut off': (workflow) => {
    if (isOnlyCalled(workflow)) return [];
    const { concurrency } = workflow;
    const group = (concurrency as { group?: string } | undefined)?.group;
    if (group === undefined) return ['no concurrency group'];
    const cancels = (concurrency as { 'cancel-in-progress'?: unknown })['cancel-in-progress'];
    return isRelease(workflow) && cancels !== false ? ['a release would be cancelled'] : [];
  },

  'runners are named by version': (workflow) =>
    jobsOf(workflow)
      .filter(([, job]) => job.uses === undefined && job['runs-on'] !== 'ubuntu-24.04')
      .map(([name, job]) => `job ${name} runs on ${String(job['runs-on'])}`),

  'containers are named by digest': ({ text }) =>
    [...text.matchAll(/espressif\/idf[@:](\S+)/g)]
      .map(([whole]) => whole)
      .filter((image) => !/^espressif\/idf@sha256:([0-9a-f]{64}$|<digest>$|…)/.test(image)),

  'code of a pull request runs without rights of the repository': ({ on }) =>
    'pull_request_target' in on || 'workflow_run' in on ? ['a trigger that gives them'] : [],
};
