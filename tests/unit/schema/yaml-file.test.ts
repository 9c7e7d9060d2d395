import { describe, expect, test } from 'vitest';
import { ProfileError } from '../../../builder/errors/families.ts';
import { byteCount, z } from '../../../builder/schema/schema.ts';
import { parseYamlFile } from '../../../builder/schema/yaml-file.ts';
import { thrownBy } from '../../support/thrown.ts';

const SCHEMA = z.strictObject({
  name: z.string('expected a name'),
  size: byteCount().default(0),
  inner: z.strictObject({ on: z.boolean('expected true or false') }).optional(),
  list: z.array(z.string('expected a word')).optional(),
});

const parse = (text: string) =>
  parseYamlFile('f.yaml', text, SCHEMA, (message, options) => {
    return new ProfileError('PROFILE_INVALID', message, options);
  });
const refused = (text: string) => thrownBy(ProfileError, () => parse(text));

describe('a YAML file', () => {
  test('becomes what its schema says', () => {
    expect(parse('name: a # comment\nsize: 0x8000\ninner:\n  on: true\n')).toEqual({
      name: 'a',
      size: 0x8000,
      inner: { on: true },
    });
  });

  test('may be written as JSON', () => {
    expect(parse('{"name": "a", "list": ["b"]}')).toEqual({ name: 'a', size: 0, list: ['b'] });
  });
});

describe('every problem is said with file, line and column:', () => {
  test.each([
    ['an unknown key', 'name: a\nnmae: b\n', 'f.yaml:2:1: nmae: unknown key'],
    [
      'an unknown key inside',
      'name: a\ninner:\n  on: true\n  of: 1\n',
      'f.yaml:4:3: inner.of: unknown key',
    ],
    ['a missing key', 'size: 1\n', 'f.yaml:1:1: name: missing; expected string'],
    [
      'a missing key inside',
      'name: a\ninner: {}\n',
      'f.yaml:2:8: inner.on: missing; expected boolean',
    ],
    [
      'a value of another type',
      'name: a\ninner:\n  on: 1\n',
      'f.yaml:3:7: inner.on: expected true or false; got 1',
    ],
    [
      'yes, which YAML 1.2 takes for text',
      'name: a\ninner: { on: yes }\n',
      'f.yaml:2:14: inner.on: expected true or false; got "yes"',
    ],
    ['a number that is negative', 'name: a\nsize: -1\n', 'f.yaml:2:7: size:'],
    [
      'a number that is none',
      'name: a\nsize: 4MB\n',
      'f.yaml:2:7: size: expected a number of bytes, such as 0x8000; got "4MB"',
    ],
    ['a fraction', 'name: a\nsize: 1.5\n', 'f.yaml:2:7: size:'],
    ['a number beyond 32 bits', 'name: a\nsize: 0x100000000\n', 'f.yaml:2:7: size:'],
    [
      'an entry of a list',
      'name: a\nlist:\n  - b\n  - 1\n',
      'f.yaml:4:5: list.1: expected a word; got 1',
    ],
    ['a list where a map belongs', '- a\n', 'f.yaml:1:1: the file:'],
    ['a text where a map belongs', 'hello\n', 'f.yaml:1:1: the file:'],
    ['nothing', '', 'f.yaml:1:1: the file:'],
    ['a comment only', '# nothing\n', 'f.yaml:1:1: the file:'],
    ['a key that is there twice', 'name: a\nname: b\n', 'f.yaml:2:1: '],
    ['an alias', 'name: &a b\nlist: [*a]\n', 'f.yaml:2:8: aliases are not supported'],
    ['a tab that indents', 'name: a\ninner:\n\ton: true\n', 'f.yaml:3:'],
    ['a bracket that stays open', 'name: [a\n', 'f.yaml:2:1: '],
    ['a second document', 'name: a\n---\nname: b\n', 'f.yaml:2:1: '],
    ['a tag that nobody knows', 'name: !secret a\n', 'f.yaml:1:7: '],
  ])('%s', async (_, text, expected) => {
    const error = await refused(text);
    expect(error.message.slice(0, expected.length)).toBe(expected);
    const [, line, column] = expected.split(':');
    expect(error.where).toMatchObject({ file: 'f.yaml', line: Number(line) });
    if (column !== '') expect(error.where?.column).toBe(Number(column));
  });

  test('all of them at once', async () => {
    const error = await refused('nmae: a\nsize: x\ninner:\n  on: 1\n');
    expect(error.message.split('\n')).toHaveLength(4);
  });

  test('keys that JavaScript gives a meaning', async () => {
    for (const key of ['__proto__', 'constructor', 'toString'])
      expect((await refused(`name: a\n${key}: {}\n`)).message).toContain('f.yaml:2:1');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test.each([
    ['nested too deeply', '['.repeat(50_000)],
    ['nested too deeply in maps', '{a: '.repeat(50_000)],
    ['nested too deeply in blocks', '- '.repeat(50_000)],
  ])('a file that is %s, which is no bug of ours', async (_, text) => {
    await refused(text);
  });
});
