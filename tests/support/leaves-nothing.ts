import { expect } from 'vitest';
import type { CliResult, RunOptions, Workspace } from './cli.ts';

export type Refusal = {
  readonly code: number;
  /** Key words of the sentence. */
  readonly says: RegExp;
};

/**
 * Runs a command that has to be refused: the exit code, exactly one `error:` sentence with the key words in it, no
 * stack trace, nothing on stdout, and the same files before and after. With `here` the command line runs inside the
 * test's own process, which is much faster. Returns the result for more.
 */
export async function expectRefusal(
  workspace: Workspace,
  args: readonly string[],
  { code, says }: Refusal,
  { here = false, ...options }: RunOptions & { readonly here?: boolean } = {},
): Promise<CliResult> {
  const before = await workspace.listing();
  const result = here ? await workspace.runHere(args, options) : await workspace.run(args, options);
  expectSentence(result, { code, says });
  expect(result.stdout).toBe('');
  expect(await workspace.listing()).toEqual(before);
  return result;
}

/** Checks the exit code and the one sentence of a refusal. */
export function expectSentence(result: CliResult, { code, says }: Refusal): void {
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code, stderr: result.stderr });
  const sentences = result.stderr.split('\n').filter((line) => line.startsWith('error: '));
  expect(sentences, result.stderr).toHaveLength(1);
  expect(result.stderr.slice(result.stderr.search(/^error: /m))).toMatch(says);
  expect(result.stderr).not.toMatch(/internal error|^ {4}at /m);
}
