import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../../builder/errors/families.ts';
import { parseKeyReference } from '../../../builder/keys/key-reference.ts';
import { thrownBy, visibleText } from '../../support/thrown.ts';

describe('a key reference', () => {
  test.each([
    ['dev', { kind: 'development' }],
    ['keys/release.pem', { kind: 'file', path: 'keys/release.pem' }],
    ['keys/a?b.pem', { kind: 'file', path: 'keys/a?b.pem' }],
    ['file:keys/a b.pem', { kind: 'file', path: 'keys/a b.pem' }],
    [
      'file:k.pem?passphrase-source=file:/run/p',
      { kind: 'file', path: 'k.pem', passphrase: { kind: 'file', path: '/run/p' } },
    ],
    [
      'env:KEY?passphrase-source=env:WORDS',
      { kind: 'environment', name: 'KEY', passphrase: { kind: 'env', name: 'WORDS' } },
    ],
    ['env:KEY', { kind: 'environment', name: 'KEY' }],
    [
      'command:k.pub.pem sign --key a',
      { kind: 'command', publicKeyFile: 'k.pub.pem', program: 'sign', args: ['--key', 'a'] },
    ],
  ])('%s is read', (reference, expected) => {
    expect(parseKeyReference(reference)).toEqual(expected);
  });

  test.each([
    ['vault:secret/key', /'vault:' is not a kind of key reference/],
    ['command:', /needs a public key file and a program/],
    ['command:k.pub.pem', /needs a public key file and a program/],
    ['file:k.pem?passphrase-source=hunter2', /neither file:PATH nor env:NAME/],
    ['env:K?passphrase-source=env:a b', /neither file:PATH nor env:NAME/],
    ['file:k.pem?passphrase=hunter2', /contains a passphrase/],
    ['k.pem?password=hunter2', /contains a passphrase/],
    ['env:K?pass=hunter2', /contains a passphrase/],
    ['k.pem?passphrase-source=env:WORDS', /a passphrase-source stands behind a plain path/],
  ])('%s is refused', async (reference, words) => {
    const error = await thrownBy(SigningError, () => parseKeyReference(reference));
    expect(error.code).toBe('KEY_REFERENCE');
    expect(error.message).toMatch(words);
    expect(visibleText(error)).not.toContain('hunter2');
  });
});

describe('the command of a reference', () => {
  const argsOf = (text: string) => {
    const parsed = parseKeyReference(`command:k.pem p ${text}`);
    return parsed.kind === 'command' ? parsed.args : [];
  };

  test.each([
    [`a  b\tc`, ['a', 'b', 'c']],
    [`'a b' "c d"`, ['a b', 'c d']],
    [`a\\ b`, ['a b']],
    [`--x='1 2'3`, ['--x=1 23']],
    [`""`, ['']],
    [`"a\\"b\\\\c\\n"`, ['a"b\\c\\n']],
    [`'a\\b'`, ['a\\b']],
    [`$HOME *.pem`, ['$HOME', '*.pem']],
    [`'|' \\;`, ['|', ';']],
    [`a'|'b "2>&1" \\>c`, ['a|b', '2>&1', '>c']],
    ['https://kms/?a=1&b=2;c', ['https://kms/?a=1&b=2;c']],
  ])('%s is split as a shell would, and nothing is expanded', (text, words) => {
    expect(argsOf(text)).toEqual(words);
  });

  test.each([
    'a | b',
    'a > b',
    'a && b',
    'a ; b',
    'a|b',
    'a >b',
    'a 2>/dev/null',
    'a; b',
    'a&',
    '<a',
  ])('%s needs a shell and is refused', async (text) => {
    const error = await thrownBy(SigningError, () => argsOf(text));
    expect(error.message).toContain('run without a shell');
  });

  test.each([`'a`, `"a`, `a"b`])('%s has a quote that does not end', async (text) => {
    const error = await thrownBy(SigningError, () => argsOf(text));
    expect(error.message).toContain('does not end');
  });

  test('gives back every list of words that was quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((word) => !word.includes("'"))), (words) => {
        expect(argsOf(words.map((word) => `'${word}'`).join(' '))).toEqual(words);
      }),
    );
  });
});

describe('a pkcs11: reference (RFC 7512)', () => {
  const uriOf = (text: string) => {
    const parsed = parseKeyReference(text);
    return parsed.kind === 'pkcs11' ? parsed.uri : {};
  };

  test.each([
    ['pkcs11:object=release', { object: 'release' }],
    ['pkcs11:id=%01%Ff', { id: Buffer.from([1, 255]) }],
    ['pkcs11:id=ab', { id: Buffer.from('ab') }],
    [
      'pkcs11:token=The%20token%3b;object=%c3%a9;type=private',
      { token: 'The token;', object: 'é' },
    ],
    [
      'pkcs11:manufacturer=M;model=X;serial=1;slot-id=42;object=a',
      { manufacturer: 'M', model: 'X', serial: '1', slotId: 42, object: 'a' },
    ],
    [
      'pkcs11:object=a?module-path=/lib/p.so&pin-source=file:/run/pin',
      { object: 'a', modulePath: '/lib/p.so', pinSource: { kind: 'file', path: '/run/pin' } },
    ],
    [
      'pkcs11:object=a?module-name=softhsm2&pin-source=/run/pin',
      { object: 'a', moduleName: 'softhsm2', pinSource: { kind: 'file', path: '/run/pin' } },
    ],
    ['pkcs11:;object=a;', { object: 'a' }],
  ])('%s is read', (text, expected) => {
    expect(uriOf(text)).toEqual(expected);
  });

  test.each([
    ['pkcs11:', /names no key/],
    ['pkcs11:token=a', /names no key/],
    ['pkcs11:object=a;type=cert', /not private/],
    ['pkcs11:object=a;object=b', /object twice/],
    ['pkcs11:object=a;colour=red', /'colour' that is not understood/],
    ['pkcs11:object=a;9481', /that is not understood/],
    ['pkcs11:object=a;pin=9481', /'pin' that is not understood/],
    ['pkcs11:object=a?object=b', /'object' that is not understood/],
    ['pkcs11:object=%4', /"%" without two hexadecimal digits/],
    ['pkcs11:object=%zz', /"%" without two hexadecimal digits/],
    ['pkcs11:object=a;slot-id=x', /slot-id .* is not a number/],
    ['pkcs11:object=a?module-name=/lib/x.so', /not a path/],
    ['pkcs11:object=a?b?c', /more than one/],
    ['pkcs11:object=a?pin-source=9481', /neither file:PATH nor env:NAME/],
    ['pkcs11:object=a?pin-value=9481', /contains a PIN/],
    ['pkcs11:object=a?PIN-VALUE=9481', /contains a PIN/],
    ['pkcs11:object=a;pin-value=9481', /contains a PIN/],
  ])('%s is refused, and no value of it is shown', async (text, words) => {
    const error = await thrownBy(SigningError, () => uriOf(text));
    expect(error.code).toBe('KEY_REFERENCE');
    expect(error.message).toMatch(words);
    expect(visibleText(error)).not.toContain('9481');
  });

  test('is read or refused, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          uriOf(`pkcs11:object=a;${text}`);
        } catch (error) {
          expect(error).toBeInstanceOf(SigningError);
        }
      }),
    );
  });
});
