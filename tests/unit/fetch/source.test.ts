import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../builder/errors/families.ts';
import { parseSource } from '../../../builder/fetch/source.ts';

describe('the name of a source', () => {
  test.each([
    ['dir:some/tree', 'some/tree'],
    ['some/tree', 'some/tree'],
    ['/srv/ota', '/srv/ota'],
    ['dir:a:b', 'a:b'],
  ])('%s is a directory', (text, path) => {
    expect(parseSource(text)).toEqual({
      kind: 'directory',
      path,
      name: text,
    });
  });

  test('is an address, which ends in a slash and has no password', () => {
    const source = parseSource('HTTPS://u%40x:p%3Aw@Example.com/a%20b');
    expect(source).toMatchObject({ kind: 'http', name: 'https://example.com/a%20b/' });
    if (source.kind !== 'http') throw new Error('not an address');
    expect(source.url.href).toBe('https://example.com/a%20b/');
    expect(source.authorization).toBe(`Basic ${Buffer.from('u@x:p:w').toString('base64')}`);
  });

  test('is the zip of a release', () => {
    expect(parseSource('a/b.zip')).toEqual({ kind: 'zip', path: 'a/b.zip', name: 'a/b.zip' });
  });

  test('is a repository', () => {
    expect(parseSource('github:acme/fw.ota')).toEqual({
      kind: 'github',
      owner: 'acme',
      repository: 'fw.ota',
      name: 'github:acme/fw.ota',
    });
  });

  test.each([
    '',
    'dir:',
    's3://bucket',
    'https:/x',
    'http://',
    'http://h/?q',
    'http://h/#f',
    'github:a',
    'github:a/b/c',
    'github:a/..',
    'github:-a/b',
    'http://%zz:x@h/',
  ])('is not %j', (text) => {
    expect(() => parseSource(text)).toThrow(UsageError);
  });

  test('never shows a password, whatever it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]{12,20}$/), (secret) => {
        const source = parseSource(`https://user:${secret}@example.com/x`);
        expect(JSON.stringify({ ...source, authorization: '' })).not.toContain(secret);
      }),
    );
  });

  test('is one of these or refused with a sentence, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `github:${text}`),
        ),
        (text) => {
          try {
            expect(['directory', 'zip', 'http', 'github']).toContain(parseSource(text).kind);
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError);
          }
        },
      ),
    );
  });
});
