import { describe, expect, test } from 'vitest';
import { POLICY } from './policy.ts';
import { ourWorkflows, workflowOf } from './workflows.ts';

const SHA = 'a'.repeat(40);
const GOOD = `name: good
on:
  push:
    tags: ['v*']
concurrency:
  group: release-x
  cancel-in-progress: false
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    environment: release
    permissions:
      contents: read # to check out
    steps:
      - uses: actions/setup-node@${SHA} # v1.2.3
        with:
          package-manager-cache: false
      - run: echo "$A"
        env:
          A: \${{ secrets.A }}
  two:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {}
    steps:
      - uses: actions/checkout@${SHA} # v1.2.3
        with:
          persist-credentials: false
      - run: echo "$IMAGE"
        env:
          IMAGE: espressif/idf@sha256:${'b'.repeat(64)}
`;

/** For each rule, changes to a good workflow that break it. */
const BAD: Readonly<Record<keyof typeof POLICY, readonly (readonly [string, string])[]>> = {
  'actions are pinned to a commit, and say which version it is': [
    [`setup-node@${SHA} # v1.2.3`, 'setup-node@v7'],
    [`setup-node@${SHA} # v1.2.3`, `setup-node@${SHA}`],
    [`setup-node@${SHA} # v1.2.3`, `setup-node@${SHA} # v7`],
    [`actions/setup-node@${SHA} # v1.2.3`, 'docker://node:24'],
  ],
  'one action has one version': [
    [`actions/checkout@${SHA}`, `actions/setup-node@${'c'.repeat(40)}`],
  ],
  'nothing is permitted at the top': [
    ['permissions: {}\njobs', 'jobs'],
    ['permissions: {}\njobs', 'permissions: read-all\njobs'],
    ['permissions: {}\njobs', 'permissions:\n  contents: read # why not\njobs'],
  ],
  'each job says what it may, and nobody may write everything': [
    ['    permissions: {}\n    steps', '    steps'],
    ['    permissions: {}\n    steps', '    permissions: write-all\n    steps'],
  ],
  'each grant says what it is for': [[' # to check out', '']],
  'checking out leaves no credentials behind': [
    ['          persist-credentials: false\n', '          fetch-depth: 0\n'],
    ['persist-credentials: false', 'persist-credentials: true'],
  ],
  'no template is expanded in a script': [['echo "$A"', 'echo "${{ github.ref_name }}"']],
  'secrets are for jobs with an environment': [['    environment: release\n', '']],
  'a job with secrets installs nothing, checks nothing out and compiles nothing': [
    ['run: echo "$A"', 'run: npm ci'],
    [`actions/setup-node@${SHA}`, `actions/checkout@${SHA}`],
  ],
  'release jobs have no cache': [
    ['          package-manager-cache: false\n', '          cache: npm\n'],
    ['          package-manager-cache: false\n', '          node-version: 24\n'],
    [`actions/checkout@${SHA}`, `actions/cache@${SHA}`],
  ],
  'each job ends in time': [['    timeout-minutes: 5\n    environment', '    environment']],
  'runs do not get into each other, and a release is not cut off': [
    ['concurrency:\n  group: release-x\n  cancel-in-progress: false\n', ''],
    ['cancel-in-progress: false', 'cancel-in-progress: true'],
  ],
  'runners are named by version': [['ubuntu-24.04', 'ubuntu-latest']],
  'containers are named by digest': [
    [`espressif/idf@sha256:${'b'.repeat(64)}`, 'espressif/idf:v5.5.1'],
    [`espressif/idf@sha256:${'b'.repeat(64)}`, 'espressif/idf@sha256:bbb'],
  ],
  'code of a pull request runs without rights of the repository': [
    ['on:\n', 'on:\n  pull_request_target:\n'],
  ],
};

test('there are the workflows that this is about', () => {
  expect(ourWorkflows().map(({ file }) => file)).toEqual(['_image.yml', 'ci.yml', 'release.yml']);
});

describe.each(Object.entries(POLICY))('%s', (name, rule) => {
  test.each(ourWorkflows().map((workflow) => [workflow.file, workflow] as const))(
    'in %s',
    (_, workflow) => {
      expect(rule(workflow)).toEqual([]);
    },
  );

  test('which a good example keeps, and each bad one breaks', () => {
    expect(rule(workflowOf('release.yml', GOOD))).toEqual([]);
    const examples = BAD[name] ?? [];
    expect(examples.length).toBeGreaterThan(0);
    for (const [good, bad] of examples) {
      expect(GOOD).toContain(good);
      const broken = rule(
        workflowOf(
          'release.yml',
          GOOD.replace(good, () => bad),
        ),
      );
      expect(broken, `${name}: ${bad}`).not.toEqual([]);
    }
  });
});
