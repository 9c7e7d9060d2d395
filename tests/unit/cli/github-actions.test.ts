import { describe, expect, test } from 'vitest';
import { annotationCommand, withoutCommands } from '../../../builder/cli/github-actions.ts';

const edge = { directory: '/work/firmware', environment: { GITHUB_WORKSPACE: '/work' } };
const command = (annotation: Partial<Parameters<typeof annotationCommand>[0]>): string =>
  annotationCommand({ kind: 'error', title: 'CODE', message: 'wrong', ...annotation }, edge);

describe('an annotation', () => {
  test('names file, line and column as seen from the checkout', () => {
    expect(command({ where: { file: 'profiles/X.yaml', line: 3, column: 7 } })).toBe(
      '::error file=firmware/profiles/X.yaml,line=3,col=7,title=CODE::wrong',
    );
  });

  test.each(['/etc/passwd', '../../elsewhere.yaml', '..'])(
    'does not name %s, which is not in the checkout',
    (file) => {
      expect(command({ where: { file, line: 3 } })).toBe('::error title=CODE::wrong');
    },
  );

  test('keeps what its text has to itself', () => {
    const where = { file: 'a,line=1::b.yaml' };
    expect(command({ kind: 'warning', message: '100 %\r\n::error::forged', where })).toBe(
      '::warning file=firmware/a%2Cline=1%3A%3Ab.yaml,title=CODE::100 %25%0D%0A::error::forged',
    );
  });
});

describe('text for the log of a job', () => {
  test.each([
    ['::set-output name=a::b'],
    ['  ::add-mask::b'],
    ['fine\n\t::stop-commands::x\nfine'],
    ['a ##[group]b'],
    ['##[add-path]/tmp'],
  ])('%j has no command in it any more', (text) => {
    const lines = withoutCommands(text).split('\n');
    expect(lines.some((line) => line.trimStart().startsWith('::') || line.includes('##['))).toBe(
      false,
    );
    expect(withoutCommands(text).replaceAll('\u200b', '')).toBe(text);
  });

  test('is left alone where it has none', () => {
    const text = 'std::vector<int> a;\nfile.c:3: error: x::y\n# [1] ## two';
    expect(withoutCommands(text)).toBe(text);
  });
});
