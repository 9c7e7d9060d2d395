import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  jsonWithoutCommands,
  withoutCommands,
  workflowCommand,
} from '../../../../builder/cli/github/workflow-command.ts';

/** What a runner does: a command is a line that begins with `::` behind blanks, or has `##[` in it. */
const isCommand = (line: string): boolean =>
  line.trimStart().startsWith('::') || line.includes('##[');

function written(pieces: readonly string[]): string {
  let text = '';
  const stream = withoutCommands({ write: (piece) => (text += piece) });
  for (const piece of pieces) stream.write(piece);
  return text;
}

describe('a workflow command', () => {
  test('has its properties and its message, escaped as the runner reads them', () => {
    const command = workflowCommand(
      'error',
      { file: 'a,b:c%.yaml', line: 3, col: undefined, title: 'x\ny' },
      '100 %\r\n::set-output name=a::b',
    );
    expect(command).toBe(
      '::error file=a%2Cb%3Ac%25.yaml,line=3,title=x%0Ay::100 %25%0D%0A::set-output name=a::b',
    );
  });

  test('is one line, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (file, message) => {
        expect(workflowCommand('error', { file }, message)).not.toMatch(/[\r\n]/);
      }),
    );
  });
});

describe('what is written to a job', () => {
  test.each([
    ['::error::x\n', ':\\:error::x\n'],
    ['  \t::add-mask::x', '  \t:\\:add-mask::x'],
    ['a ::error::x\n', 'a ::error::x\n'],
    ['a ##[error]x\n', 'a ##\\[error]x\n'],
    ['a\r::error::x', 'a\r:\\:error::x'],
    ['a\u00a0\n\u00a0::error::x', 'a\u00a0\n\u00a0:\\:error::x'],
    ['C:\\x ::\n:\n:', 'C:\\x ::\n:\n:'],
  ])('holds no command: %j', (text, safe) => {
    expect(written([text])).toBe(safe);
    expect(written(Array.from(text))).toBe(safe);
  });

  test('holds none however it is cut into pieces, and is else what it was', () => {
    const piece = fc
      .array(fc.constantFrom(':', '::', '#', '##[', '[', ' ', '\n', '\r', 'a', '\t', '\\'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = written(pieces);
        expect(text.split(/[\r\n]/).filter(isCommand)).toEqual([]);
        expect(text.replaceAll('\\', '')).toBe(pieces.join('').replaceAll('\\', ''));
      }),
    );
  });

  test('as JSON means the same', () => {
    const value = { a: '##[error]x', '##[b': ['::error::'] };
    const json = jsonWithoutCommands(JSON.stringify(value, null, 2));
    expect(json.split('\n').filter(isCommand)).toEqual([]);
    expect(JSON.parse(json)).toEqual(value);
  });
});
