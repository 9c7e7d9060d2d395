import { describe, expect, test } from 'vitest';
import { parseMicroPythonTag } from '../../../builder/micropython/version.ts';
import {
  recommendedIdf,
  requireSupportedIdf,
  supportedIdf,
} from '../../../builder/toolchain/idf-support.ts';
import {
  idfTag,
  normalIdfTag,
  parseIdfTag,
  parseVersionCmake,
} from '../../../builder/toolchain/idf-version.ts';

const MATRIX = [
  ['v1.22.2', 'v5.0.4', 'v5.1.2'],
  ['v1.23.0', 'v5.0.4', 'v5.0.5 v5.1.2 v5.2'],
  ['v1.24.1', 'v5.2.2', 'v5.0.4 v5.0.5 v5.1.2 v5.2'],
  ['v1.25.0', 'v5.2.2', 'v5.2 v5.3 v5.4'],
  ['v1.26.1', 'v5.4.2', 'v5.2 v5.2.2 v5.3 v5.4 v5.4.1'],
  ['v1.27.0', 'v5.5.1', 'v5.2 v5.2.2 v5.3 v5.4 v5.4.1 v5.4.2'],
  ['v1.28.0', 'v5.5.1', 'v5.3 v5.4 v5.4.1 v5.4.2'],
] as const;

describe('the ESP-IDF of a MicroPython', () => {
  test.each(MATRIX)('%s is %s, or one of %s', (tag, recommended, also) => {
    const micropython = parseMicroPythonTag(tag);
    expect(recommendedIdf(micropython)).toBe(recommended);
    expect(supportedIdf(micropython)).toEqual([recommended, ...also.split(' ')]);
    const check = (found: string, pinned?: string) => () => {
      const idf = parseIdfTag(found) ?? { major: 0, minor: 0, patch: 0 };
      requireSupportedIdf(idf, micropython, { pinned, where: '/idf' });
    };
    for (const found of [recommended, ...also.split(' ')]) expect(check(found)).not.toThrow();
    expect(check('v6.0')).toThrow(`MicroPython ${tag} is built with ${recommended}`);
    expect(check('v6.0', 'v6.0.0')).not.toThrow();
    expect(check(recommended, 'v6.0')).toThrow('the profile asks for v6.0');
  });

  test('is not known for a MicroPython of the future', () => {
    const micropython = parseMicroPythonTag('v1.29.0');
    expect(recommendedIdf(micropython)).toBeUndefined();
    expect(() => {
      requireSupportedIdf({ major: 5, minor: 5, patch: 2 }, micropython, {
        pinned: undefined,
        where: 'x',
      });
    }).toThrow('not known to this version');
  });
});

describe('a version of ESP-IDF', () => {
  test.each([
    ['v5.5.1', 'v5.5.1'],
    ['5.3', 'v5.3'],
    ['v5.2.0', 'v5.2'],
    ['v5.2.0\n', 'v5.2'],
  ])('%j is the tag %s', (text, tag) => {
    expect(normalIdfTag(text)).toBe(tag);
  });

  test.each(['', 'v5', 'v5.5-dev', 'release/v5.5', 'v5.5.1.2'])('%j is none', (text) => {
    expect(parseIdfTag(text)).toBeUndefined();
  });

  test('is read from tools/cmake/version.cmake', () => {
    const text = 'set(IDF_VERSION_MAJOR 5)\nset(IDF_VERSION_MINOR 4)\nset(IDF_VERSION_PATCH 0)\n';
    const version = parseVersionCmake(text);
    expect(version === undefined ? '' : idfTag(version)).toBe('v5.4');
    expect(parseVersionCmake(text.replace('PATCH', 'PATHC'))).toBeUndefined();
  });
});
