import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A private key as OpenSSL's and espsecure's tools write it. */
export const pem = {
  pkcs8: (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  pkcs1: (key: KeyObject): string => key.export({ type: 'pkcs1', format: 'pem' }).toString(),
  sec1: (key: KeyObject): string => key.export({ type: 'sec1', format: 'pem' }).toString(),
  /** `openssl ecparam -genkey` puts the curve in front of the key. */
  sec1WithParameters: (key: KeyObject): string =>
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem.sec1(key)}`,
  public: (key: KeyObject): string =>
    createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
  locked: (key: KeyObject): string =>
    key
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
      .toString(),
  /** A passphrase in the older form: Proc-Type and DEK-Info inside the block. */
  lockedTraditional: (key: KeyObject): string =>
    key
      .export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
      .toString(),
};

/** A private key on a curve. */
export function anEcKey(namedCurve: string): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

/** Stretches of a PEM text's secret that must never show up anywhere, 12 characters each. */
export function secretsOf(text: string): string[] {
  const body = text.replace(/-----[^-]+-----/g, '').replace(/\s/g, '');
  const secrets: string[] = [];
  for (let at = 0; at + 12 <= body.length; at += 12) secrets.push(body.slice(at, at + 12));
  return secrets;
}
