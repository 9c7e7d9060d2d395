import { createPrivateKey, type KeyObject } from 'node:crypto';
import { FormatError, SigningError } from '../errors/families.ts';
import type { PublicKeyFields } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import { readPem, type PemBlock } from './forge.ts';

const DER_TYPES: Readonly<Record<string, 'pkcs1' | 'pkcs8' | 'sec1'>> = {
  'RSA PRIVATE KEY': 'pkcs1',
  'EC PRIVATE KEY': 'sec1',
  'PRIVATE KEY': 'pkcs8',
};

/** Text that `keys generate` and the development key write above the key: OpenSSL and espsecure skip it. */
export const DEVELOPMENT_MARK = 'ota-build development key: not for releases';

/** A private key that Secure Boot V2 has a scheme for. */
export type PrivateKey = {
  readonly key: KeyObject;
  readonly fields: PublicKeyFields;
  readonly development: boolean;
};

/**
 * Reads a private key in PEM: PKCS#1, SEC1 or PKCS#8. `name` is the key's reference as messages show it. Throws
 * SigningError for everything else, and never quotes what it read.
 */
export function parsePrivateKey(text: string, name: string): PrivateKey {
  const blocks = readPem(text);
  if (blocks === undefined || blocks.length === 0) {
    throw new SigningError(
      'KEY_UNREADABLE',
      `${name} is not a key in PEM: no complete -----BEGIN … -----END block was found`,
      {
        hint: 'Make one with: ota-build keys generate FILE',
      },
    );
  }
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (keys.length > 1) {
    throw new SigningError(
      'KEY_COUNT',
      `${name} holds ${keys.length} private keys; one was expected`,
      {
        hint: 'Put each key into a file of its own, and name them all with --key.',
      },
    );
  }
  // Other blocks may stand beside it: `openssl ecparam -genkey` puts the curve's parameters before the key.
  const [block = blocks[0]] = keys;
  if (block === undefined) throw new SigningError('KEY_UNREADABLE', `${name} holds no key`);
  const key = openBlock(block, name);
  return { key, fields: supportedFields(key, name), development: text.includes(DEVELOPMENT_MARK) };
}

function openBlock(block: PemBlock, name: string): KeyObject {
  if (block.label.endsWith('PUBLIC KEY') || block.label === 'CERTIFICATE') {
    const what = block.label === 'CERTIFICATE' ? 'a certificate' : 'a public key';
    throw new SigningError('KEY_WRONG_TYPE', `${name} is ${what}; signing needs the private key`, {
      hint: 'Name the file whose first line ends in PRIVATE KEY-----.',
    });
  }
  if (block.encrypted) {
    throw new SigningError(
      'KEY_LOCKED',
      `${name} is guarded by a passphrase, which this version cannot ask for`,
      {
        hint: 'Keep the decrypted key in a CI secret and name it with --key env:NAME.',
      },
    );
  }
  const type = DER_TYPES[block.label];
  if (type === undefined) {
    throw new SigningError(
      'KEY_WRONG_TYPE',
      `${name} holds a PEM block '${block.label}'; a private key was expected`,
    );
  }
  try {
    return createPrivateKey({ key: block.der, format: 'der', type });
  } catch {
    throw new SigningError(
      'KEY_UNREADABLE',
      `${name} is damaged: its ${block.label} block cannot be decoded`,
    );
  }
}

function supportedFields(key: KeyObject, name: string): PublicKeyFields {
  try {
    return publicKeyFields(key);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_WRONG_TYPE', `${name}: ${error.message}`, {
      hint: 'Make one with: ota-build keys generate FILE',
    });
  }
}
