import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  CompileError,
  FetchError,
  FormatError,
  InterruptedError,
  LayoutError,
  ProfileError,
  PublishError,
  SigningError,
  ToolchainError,
  UsageError,
  VerifyError,
} from '../../../builder/errors/families.ts';
import { hex } from '../../../builder/errors/hex.ts';
import { OtaBuildError } from '../../../builder/errors/ota-build-error.ts';

/** Exit codes of design.md, section 3. */
const FAMILIES = [
  ['UsageError', 2, new UsageError('USAGE', 'm')],
  ['ProfileError', 3, new ProfileError('PROFILE_INVALID', 'm')],
  ['ToolchainError', 4, new ToolchainError('TOOL_MISSING', 'm')],
  ['FetchError', 5, new FetchError('SOURCE_UNREACHABLE', 'm')],
  ['CompileError', 6, new CompileError('COMPILE_FAILED', 'm')],
  ['LayoutError', 7, new LayoutError('FLASH_SIZE', 'm')],
  ['SigningError', 8, new SigningError('KEY_MISSING', 'm')],
  ['VerifyError', 9, new VerifyError('VERIFICATION_FAILED', 'm')],
  ['PublishError', 10, new PublishError('TARGET_BUSY', 'm')],
  ['FormatError', 11, new FormatError('TRUNCATED', 'm')],
] as const;

const source = readFileSync(
  new URL('../../../builder/errors/families.ts', import.meta.url),
  'utf8',
);

/** The codes of each union, read from the source: types are gone when tests run. */
const CODES = [...source.matchAll(/export type (\w+Code) =([^;]+);/g)].map(
  ([, name = '', union = '']) => ({
    name,
    codes: [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code),
  }),
);

describe('a family of errors', () => {
  test.each(FAMILIES)('%s ends the process with %d', (name, exit, error) => {
    expect(error.exit).toBe(exit);
    expect(error.name).toBe(name);
    expect(error).toBeInstanceOf(OtaBuildError);
    expect(error).toBeInstanceOf(Error);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('interrupted by %s ends the process with %d', (signal, exit) => {
    const error = new InterruptedError(signal);
    expect(error.exit).toBe(exit);
    expect(error.code).toBe('INTERRUPTED');
    expect(error.message).toContain(signal);
  });

  test('is the only one with its exit code', () => {
    const exits = FAMILIES.map(([, exit]) => exit);
    expect(new Set(exits).size).toBe(exits.length);
  });

  test('has a union of codes, one for each', () => {
    const expected = FAMILIES.map(([name]) => name.replace('Error', 'Code')).sort();
    expect(CODES.map(({ name }) => name).sort()).toEqual(expected);
    for (const { codes } of CODES) expect(codes.length).toBeGreaterThan(0);
  });

  test('has codes that no other family has', () => {
    const all = CODES.flatMap(({ codes }) => codes);
    const doubles = all.filter((code, index) => all.indexOf(code) !== index);
    expect(doubles).toEqual([]);
    for (const code of all) expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
  });
});

describe('an error', () => {
  test('carries what it was given, and nothing undefined', () => {
    const cause = new Error('inner');
    const where = { file: 'f', line: 1, column: 2, offset: 3 };
    const error = new FormatError('BAD_VALUE', 'message', {
      hint: 'hint',
      where,
      details: { a: 1 },
      cause,
    });
    expect(error).toMatchObject({
      code: 'BAD_VALUE',
      message: 'message',
      hint: 'hint',
      where,
      cause,
    });
    expect(error.details).toEqual({ a: 1 });
    const bare = new FormatError('BAD_VALUE', 'message');
    expect(Object.hasOwn(bare, 'cause')).toBe(false);
    expect(bare.hint).toBeUndefined();
    expect(bare.where).toBeUndefined();
    expect(bare.details).toEqual({});
  });
});

test.each([
  [0, 0, '0x0'],
  [0x1a1000, 0, '0x1a1000'],
  [0xab, 4, '0x00ab'],
  [0xffffffff, 8, '0xffffffff'],
])('%d is written as hex of at least %d digits: %s', (value, digits, expected) => {
  expect(hex(value, digits)).toBe(expected);
});
