import { createPublicKey, type KeyObject } from 'node:crypto';
import { SigningError } from '../errors/families.ts';

/**
 * Reads a public key in PEM (SubjectPublicKeyInfo or PKCS#1). Throws SigningError, also for a file that holds several: which
 * of them was meant, nobody can tell. `name` is the file as messages show it.
 */
export function readPublicKey(text: string, name: string): KeyObject {
  const count = text.match(/-----BEGIN (RSA )?PUBLIC KEY-----/g)?.length ?? 0;
  if (count > 1) {
    throw new SigningError('KEY_COUNT', `${name} holds ${count} public keys; one was expected`, {
      hint: 'Put each key into a file of its own.',
    });
  }
  try {
    return createPublicKey(text);
  } catch {
    throw new SigningError('KEY_UNREADABLE', `${name} is not a public key in PEM`);
  }
}
