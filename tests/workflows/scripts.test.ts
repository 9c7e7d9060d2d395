import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createWorkspace } from '../support/cli.ts';
import { isMissing } from '../support/oracle.ts';
import { ourWorkflows, stepsOf } from './workflows.ts';

const SCRIPTS = ourWorkflows().flatMap((workflow) =>
  stepsOf(workflow).flatMap(({ job, step }) =>
    step.run === undefined
      ? []
      : [[`${workflow.file}, ${job}: ${step.name ?? step.run.slice(0, 40)}`, step.run] as const],
  ),
);

type Call = { readonly verb: string; readonly options: readonly string[] };

/** Every call of ota-build in a script: its verb and its options, those from the array `arguments` included. */
function callsIn(script: string): readonly Call[] {
  const lines = script.replaceAll('\\\n', ' ').split('\n');
  const options = (text: string): string[] =>
    [...text.matchAll(/(?<=[\s(])--[a-z][a-z-]*/g)].map(([option]) => option);
  const shared = lines.filter((line) => /\barguments\+?=\(/.test(line)).flatMap(options);
  return lines.flatMap((line) => {
    const found = /main\.js (\S+)(.*)$/.exec(line);
    if (found === null) return [];
    const [, verb = '', rest = ''] = found;
    // What comes behind the end of the command is another one's.
    const own = options(rest.split(/ [|;&]|\)"/)[0] ?? '');
    return [{ verb, options: rest.includes('${arguments[@]}') ? [...own, ...shared] : own }];
  });
}

describe('a script', () => {
  test('is there, and so are calls of ota-build in it', () => {
    expect(SCRIPTS.length).toBeGreaterThan(10);
    const verbs = SCRIPTS.flatMap(([, script]) => callsIn(script)).map(({ verb }) => verb);
    for (const verb of ['plan', 'build', 'sign', 'verify', 'publish', 'fetch', 'inspect'])
      expect(verbs).toContain(verb);
  });

  test.each(SCRIPTS)('%s: bash can read it', (_, script) => {
    execFileSync('bash', ['-n'], { input: script });
  });

  const shellcheck = spawnSync('shellcheck', ['--version']).status === 0 ? 'found' : undefined;
  test.skipIf(isMissing(shellcheck, 'shellcheck')).each(SCRIPTS)(
    '%s: shellcheck finds nothing (skipped without shellcheck)',
    (_, script) => {
      const { stdout } = spawnSync('shellcheck', ['--shell=bash', '--format=gcc', '-'], {
        input: `set -eo pipefail\n${script}`,
        encoding: 'utf8',
      });
      expect(stdout).toBe('');
    },
  );

  test('calls ota-build with options that it has', async () => {
    const workspace = await createWorkspace();
    const known = async (verb: string): Promise<ReadonlySet<string>> => {
      const { code, stdout } = await workspace.runHere([verb, '--help']);
      expect(code, verb).toBe(0);
      return new Set(
        [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, name = '']) => name),
      );
    };
    for (const [place, script] of SCRIPTS) {
      for (const { verb, options } of callsIn(script)) {
        const there = await known(verb);
        expect(
          options.filter((option) => !there.has(option)),
          `${place}: ${verb}`,
        ).toEqual([]);
      }
    }
  });

  test('would be found with an option that there is none of', () => {
    const script =
      'arguments=(--one "$A")\nnode x/main.js build "${arguments[@]}" --two | jq --three';
    expect(callsIn(script)).toEqual([{ verb: 'build', options: ['--two', '--one'] }]);
  });
});
