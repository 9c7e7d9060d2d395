import { createPublicKey, type KeyObject } from 'node:crypto';
import { SigningError } from '../errors/families.ts';

/** Reads a public key in PEM (SubjectPublicKeyInfo or PKCS#1). Throws SigningError; `name` is the file as messages show it. */
export function readPublicKey(text: string, name: string): KeyObject {
  try {
    return createPublicKey(text);
  } catch {
    throw new SigningError('KEY_UNREADABLE', `${name} is not a public key in PEM`);
  }
}
