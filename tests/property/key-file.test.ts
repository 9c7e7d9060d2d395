import fc from 'fast-check';
import forge from 'node-forge';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../builder/errors/families.ts';
import { containerOf } from '../../builder/keys/key-container.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const passphrase = 'passphrase';
const cipher = 'aes-256-cbc';
const EC = aPrivateKey('ecdsa256');
const RSA = aPrivateKey('rsa3072').export({ type: 'pkcs1', format: 'pem' }).toString();
/** Untyped, but what forge takes for a key alone. */
const NO_CERTIFICATE = null as unknown as forge.pki.Certificate[];
const PKCS12 = forge.asn1.toDer(
  forge.pkcs12.toPkcs12Asn1(forge.pki.privateKeyFromPem(RSA), NO_CERTIFICATE, passphrase, {
    count: 1,
  }),
);

const FILES = {
  'PKCS#8 in DER': EC.export({ type: 'pkcs8', format: 'der' }),
  'PKCS#8 under a passphrase': EC.export({ type: 'pkcs8', format: 'der', cipher, passphrase }),
  SEC1: EC.export({ type: 'sec1', format: 'der' }),
  'PEM with Proc-Type': Buffer.from(
    EC.export({ type: 'sec1', format: 'pem', cipher, passphrase }).toString(),
  ),
  'PKCS#12': Buffer.from(PKCS12.getBytes(), 'latin1'),
};

/** Whether it is a container, or is refused in our own words. */
function outcome(bytes: Buffer): 'container' | 'refused' {
  try {
    return containerOf(bytes, 'key').der.length > 0 ? 'container' : 'refused';
  } catch (error) {
    if (!(error instanceof SigningError)) throw error;
    return 'refused';
  }
}

describe.each(Object.entries(FILES))('a key file (%s)', (_, file) => {
  test('is a container', () => {
    expect(outcome(file)).toBe('container');
  });

  test('that is damaged or cut is one, or is refused in words', () => {
    const change = fc.record({ at: fc.nat(file.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(file.length),
        (changes, length) => {
          const bytes = Buffer.from(file);
          for (const { at, to } of changes) bytes[at] = to;
          expect(outcome(bytes)).toMatch(/container|refused/);
          expect(outcome(bytes.subarray(0, length))).toMatch(/container|refused/);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

test('any bytes that begin as DER does are a key file, or refused in words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(outcome(Buffer.concat([Buffer.of(0x30), bytes]))).toMatch(/container|refused/);
    }),
    { numRuns: 2000 },
  );
});
