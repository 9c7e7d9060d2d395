import { createPublicKey, type KeyObject } from 'node:crypto';

/** A private key as a key file holds it (PKCS#8 in PEM). */
export function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The public half of a key in PEM. */
export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}
