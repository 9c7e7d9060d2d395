import { createCipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { writeDer } from './forge.ts';
import { OID_HMAC_SHA256, OID_PBKDF2 } from './key-derivation.ts';
import { OID_AES_256_CBC } from './locked-key.ts';

/** OWASP's password storage recommendation for PBKDF2-HMAC-SHA256: about a quarter of a second for each guess. */
const ITERATIONS = 600_000;
const OID_PBES2 = '1.2.840.113549.1.5.13';
const LINE_LENGTH = 64;

/**
 * A private key (PKCS#8 in DER) under a passphrase: EncryptedPrivateKeyInfo in PEM with PBES2, PBKDF2-HMAC-SHA256 and
 * AES-256-CBC (RFC 8018), which OpenSSL, node:crypto and node-forge all read.
 */
export async function encryptPrivateKey(pkcs8: Buffer, passphrase: string): Promise<string> {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const key = await promisify(pbkdf2)(passphrase, salt, ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const encrypted = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  const prf = [{ oid: OID_HMAC_SHA256 }, { empty: true }] as const;
  const derivation = [
    { oid: OID_PBKDF2 },
    [{ octets: salt }, { integer: ITERATIONS }, prf],
  ] as const;
  const scheme = [{ oid: OID_AES_256_CBC }, { octets: iv }] as const;
  return inPem(writeDer([[{ oid: OID_PBES2 }, [derivation, scheme]], { octets: encrypted }]));
}

function inPem(der: Buffer): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return [
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    ...lines,
    '-----END ENCRYPTED PRIVATE KEY-----',
    '',
  ].join('\n');
}
