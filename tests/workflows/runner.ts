import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stepsOf, type Job, type Step, type Workflow } from './workflows.ts';

/** What `${{ … }}` can name. */
export type Context = Readonly<Record<string, unknown>>;

/** A runner of GitHub Actions as far as our workflows need one: scripts, outputs and artifacts. Each job has an empty directory. */
export type Runner = {
  readonly directory: string;
  /** Of the whole run. */
  readonly environment: Readonly<Record<string, string>>;
  /** The repository, as `actions/checkout` brings it. */
  readonly checkout: string;
};

export type JobRun = {
  readonly workflow: Workflow;
  readonly job: string;
  readonly context: Context;
};

export type JobResult = {
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
  readonly summary: string;
};

/** Scripts that a rehearsal leaves out: the checkout that it copies has its packages, and dist/. */
const LEFT_OUT = new Set(['npm ci']);

/** Runs every step of a job and gives its outputs. Throws with the log when a script fails. */
export async function runJob(runner: Runner, run: JobRun): Promise<JobResult> {
  const { workflow, job } = run;
  const place = join(runner.directory, 'jobs', `${job}-${Math.random().toString(36).slice(2)}`);
  const temporary = `${place}-temp`;
  await mkdir(place, { recursive: true });
  await mkdir(temporary);
  const steps: Record<string, { readonly outputs: Readonly<Record<string, string>> }> = {};
  const context = { ...run.context, steps, runner: { temp: temporary } };
  const found = { log: '', summary: '' };
  for (const { step } of stepsOf(workflow).filter((each) => each.job === job)) {
    if (step.uses !== undefined) await runAction(step, { runner, context, place });
    if (step.run === undefined || LEFT_OUT.has(step.run)) continue;
    const files = {
      GITHUB_OUTPUT: `${temporary}/output`,
      GITHUB_STEP_SUMMARY: `${temporary}/page`,
    };
    for (const file of Object.values(files)) await writeFile(file, '');
    found.log += await runScript(step.run, {
      cwd: join(place, step['working-directory'] ?? ''),
      environment: { ...runner.environment, ...expandAll(step.env, context), ...files },
    });
    found.summary += await readFile(files.GITHUB_STEP_SUMMARY, 'utf8');
    if (step.id !== undefined)
      steps[step.id] = { outputs: parseOutputs(await readFile(files.GITHUB_OUTPUT, 'utf8')) };
  }
  return { ...found, outputs: expandAll(jobOf(workflow, job).outputs, context) };
}

function jobOf({ jobs, file }: Workflow, name: string): Job {
  const job = jobs[name];
  if (job === undefined) throw new Error(`${file} has no job ${name}`);
  return job;
}

type Action = { readonly runner: Runner; readonly context: Context; readonly place: string };

async function runAction(step: Step, { runner, context, place }: Action): Promise<void> {
  const given = expandAll(step.with, context);
  const store = join(runner.directory, 'artifacts');
  const [action] = (step.uses ?? '').split('@');
  switch (action) {
    case 'actions/setup-node':
    case 'actions/attest':
      return;
    case 'actions/checkout':
      await cp(runner.checkout, join(place, given['path'] ?? ''), {
        recursive: true,
        verbatimSymlinks: true,
      });
      return;
    case 'actions/upload-artifact': {
      const from = join(
        '/',
        given['path']?.startsWith('/') === true ? '' : place,
        given['path'] ?? '',
      );
      const to = join(store, given['name'] ?? '');
      await rm(to, { recursive: true, force: true });
      const isDirectory = (await stat(from)).isDirectory();
      await cp(from, isDirectory ? to : join(to, basename(from)), { recursive: true });
      return;
    }
    case 'actions/download-artifact':
      await download(given, { store, to: join(place, given['path'] ?? '') });
      return;
    default:
      throw new Error(`the runner of this test does not know ${step.uses}`);
  }
}

async function download(
  { name, pattern, 'merge-multiple': merge }: Readonly<Record<string, string>>,
  { store, to }: { readonly store: string; readonly to: string },
): Promise<void> {
  if (name !== undefined) {
    await cp(join(store, name), to, { recursive: true });
    return;
  }
  const prefix = (pattern ?? '').replace(/\*$/, '');
  const found = (await readdir(store)).filter((each) => each.startsWith(prefix));
  // download-artifact has unpacked one alone like this since v5, whatever it was asked for by.
  const isFlat = merge === 'true' || found.length === 1;
  for (const each of found)
    await cp(join(store, each), isFlat ? to : join(to, each), { recursive: true });
}

type Script = { readonly cwd: string; readonly environment: Readonly<Record<string, string>> };

/** As GitHub starts it for `shell: bash`. */
async function runScript(script: string, { cwd, environment }: Script): Promise<string> {
  const file = join(cwd, '..', `script-${Math.random().toString(36).slice(2)}.sh`);
  await writeFile(file, script);
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', file], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`a script ended with ${code}:\n${script}\n${log}`);
  return log;
}

/** `name=value`, a line each: the form that our scripts use. */
function parseOutputs(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Expands `${{ a.b.c }}` in every value; anything else than a name with dots is an error of the test. */
export function expandAll(
  values: Readonly<Record<string, unknown>> | undefined,
  context: Context,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, expand(String(value), context)]),
  );
}

function expand(text: string, context: Context): string {
  return text.replace(/\$\{\{(.*?)\}\}/g, (_, expression: string) => {
    const path = expression.trim();
    if (!/^[\w.-]+$/.test(path)) throw new Error(`the runner of this test cannot expand ${path}`);
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], context);
    // What is not there is empty on GitHub, too.
    if (value === undefined) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}
