import { expect, test } from 'vitest';
import { Output } from '../../../../builder/cli/output.ts';
import { renderError } from '../../../../builder/cli/render/error.ts';
import { FormatError } from '../../../../builder/errors/families.ts';

/** What a terminal gets of an error. */
function shown(error: unknown, verbose: boolean): string {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) > 0 };
  const output = new Output(
    {
      ...{ version: '0.0.0', signal: new AbortController().signal, directory: '/' },
      ...{ environment: {}, stdout: stream, stderr: stream },
    },
    { verbose },
  );
  renderError(error, output);
  return written.join('');
}

test.each([
  ['of ours', (message: string) => new FormatError('BAD_VALUE', message)],
  ['that is a bug', (message: string) => new Error(message)],
])('an error %s gives the terminal no command, with its stack neither', (_, make) => {
  for (const verbose of [false, true]) {
    const text = shown(make('a\u001b[31mb\u202ec\nnext line'), verbose);
    expect(text).toContain('a\\x1b[31mb\\u{202e}c\nnext line');
    expect(text).not.toMatch(/[\p{Cf}]|\p{Cc}(?<!\n)/u);
    expect(text.includes('error.test.ts')).toBe(verbose);
  }
});
