import { createDecipheriv, getCipherInfo } from 'node:crypto';
import {
  decryptOld,
  DER_OCTETS,
  DER_OID,
  DER_SEQUENCE,
  oidOf,
  pkcs12Key,
  readDer,
  type Der,
  type OldCipher,
  type PemBlock,
} from './forge.ts';
import { bytesToKey, pbkdf1, readKeyDerivation, smallNumber } from './key-derivation.ts';
import { rc4 } from './rc4.ts';

/** An encrypted private key: decrypts to DER with its padding still there, because that tells something too. */
export type LockedKey = {
  /** The cipher, for messages. */
  readonly cipher: string;
  readonly decrypt: (passphrase: string) => Promise<Buffer>;
};

/** Why a key cannot be unlocked by anybody here. */
export type UnreadableLock =
  { readonly kind: 'damaged' } | { readonly kind: 'unsupported'; readonly what: string };

const DAMAGED = { kind: 'damaged' } as const;
const OID_PBES2 = '1.2.840.113549.1.5.13';
export const OID_AES_256_CBC = '2.16.840.1.101.3.4.1.42';

/** Ciphers of PBES2 by OID, as node:crypto (or `decryptOld`) names them. */
const CIPHERS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.1.2': 'aes-128-cbc',
  '2.16.840.1.101.3.4.1.22': 'aes-192-cbc',
  [OID_AES_256_CBC]: 'aes-256-cbc',
  '2.16.840.1.101.3.4.1.3': 'aes-128-ofb',
  '2.16.840.1.101.3.4.1.23': 'aes-192-ofb',
  '2.16.840.1.101.3.4.1.43': 'aes-256-ofb',
  '2.16.840.1.101.3.4.1.4': 'aes-128-cfb',
  '2.16.840.1.101.3.4.1.24': 'aes-192-cfb',
  '2.16.840.1.101.3.4.1.44': 'aes-256-cfb',
  '1.2.840.113549.3.7': 'des-ede3-cbc',
  '1.2.392.200011.61.1.1.1.2': 'camellia-128-cbc',
  '1.2.392.200011.61.1.1.1.3': 'camellia-192-cbc',
  '1.2.392.200011.61.1.1.1.4': 'camellia-256-cbc',
  '0.3.4401.5.3.1.9.3': 'camellia-128-ofb',
  '0.3.4401.5.3.1.9.23': 'camellia-192-ofb',
  '0.3.4401.5.3.1.9.43': 'camellia-256-ofb',
  '0.3.4401.5.3.1.9.4': 'camellia-128-cfb',
  '0.3.4401.5.3.1.9.24': 'camellia-192-cfb',
  '0.3.4401.5.3.1.9.44': 'camellia-256-cfb',
  '1.2.410.200046.1.1.2': 'aria-128-cbc',
  '1.2.410.200046.1.1.7': 'aria-192-cbc',
  '1.2.410.200046.1.1.12': 'aria-256-cbc',
  '1.2.410.200046.1.1.3': 'aria-128-cfb',
  '1.2.410.200046.1.1.8': 'aria-192-cfb',
  '1.2.410.200046.1.1.13': 'aria-256-cfb',
  '1.2.410.200046.1.1.4': 'aria-128-ofb',
  '1.2.410.200046.1.1.9': 'aria-192-ofb',
  '1.2.410.200046.1.1.14': 'aria-256-ofb',
  '1.2.156.10197.1.104.2': 'sm4-cbc',
  '1.2.156.10197.1.104.3': 'sm4-ofb',
  '1.2.156.10197.1.104.4': 'sm4-cfb',
  '1.3.14.3.2.7': 'des-cbc',
  '1.2.840.113549.3.2': 'rc2-cbc',
};

/** Bytes of an RC2 key by rc2ParameterVersion, which stands for its effective bits (RFC 8018, appendix B.2.3). */
const RC2_KEY_LENGTHS: Readonly<Record<number, number>> = { 160: 5, 120: 8, 58: 16 };

/** PBES1 (RFC 8018, appendix A.3) and its likes of PKCS#12 (RFC 7292, appendix C). */
const PBES1: Readonly<
  Record<string, { readonly hash: 'md5' | 'sha1' | 'pkcs12'; cipher: string; keyLength: number }>
> = {
  '1.2.840.113549.1.5.3': { hash: 'md5', cipher: 'des-cbc', keyLength: 8 },
  '1.2.840.113549.1.5.6': { hash: 'md5', cipher: 'rc2-cbc', keyLength: 8 },
  '1.2.840.113549.1.5.10': { hash: 'sha1', cipher: 'des-cbc', keyLength: 8 },
  '1.2.840.113549.1.5.11': { hash: 'sha1', cipher: 'rc2-cbc', keyLength: 8 },
  '1.2.840.113549.1.12.1.1': { hash: 'pkcs12', cipher: 'rc4', keyLength: 16 },
  '1.2.840.113549.1.12.1.2': { hash: 'pkcs12', cipher: 'rc4', keyLength: 5 },
  '1.2.840.113549.1.12.1.3': { hash: 'pkcs12', cipher: 'des-ede3-cbc', keyLength: 24 },
  '1.2.840.113549.1.12.1.4': { hash: 'pkcs12', cipher: 'des-ede-cbc', keyLength: 16 },
  '1.2.840.113549.1.12.1.5': { hash: 'pkcs12', cipher: 'rc2-cbc', keyLength: 16 },
  '1.2.840.113549.1.12.1.6': { hash: 'pkcs12', cipher: 'rc2-cbc', keyLength: 5 },
};
/** These derivations run in JavaScript; OpenSSL writes 2048 rounds. */
const OLD_ITERATION_LIMIT = 100_000;

/** EncryptedPrivateKeyInfo (RFC 5958, section 3) in DER: PBES2 and PBES1, with every cipher that OpenSSL takes there. */
export function readLockedPkcs8(der: Buffer): LockedKey | UnreadableLock {
  const [algorithm, encrypted] = readDer(der)?.children ?? [];
  const [oid, parameters] = algorithm?.children ?? [];
  if (oid?.tag !== DER_OID || parameters?.tag !== DER_SEQUENCE || encrypted?.tag !== DER_OCTETS)
    return DAMAGED;
  const name = oidOf(oid);
  if (name === OID_PBES2) return readPbes2(parameters.children, encrypted.content);
  if (PBES1[name] === undefined) return { kind: 'unsupported', what: `algorithm ${name}` };
  return readPbes1(PBES1[name], parameters.children, encrypted.content);
}

function readPbes2(
  [derivation, scheme]: readonly Der[],
  encrypted: Buffer,
): LockedKey | UnreadableLock {
  const derive = readKeyDerivation(derivation);
  const [oid, parameters] = scheme?.children ?? [];
  if (derive === undefined || oid?.tag !== DER_OID) return DAMAGED;
  const cipher = CIPHERS[oidOf(oid)];
  if (cipher === undefined) return { kind: 'unsupported', what: `cipher ${oidOf(oid)}` };
  const iv = parameters?.tag === DER_SEQUENCE ? parameters.children.at(-1) : parameters;
  const shape = cipher === 'rc2-cbc' ? rc2Shape(parameters) : cipherShape(cipher);
  if (!fits(shape, iv?.content, encrypted)) return DAMAGED;
  return {
    cipher,
    decrypt: async (passphrase) => {
      const key = await derive(passphrase, shape.keyLength);
      return decrypt(cipher, { key, iv: iv?.content ?? Buffer.alloc(0) }, encrypted);
    },
  };
}

function readPbes1(
  { hash, cipher, keyLength }: (typeof PBES1)[string],
  [salt, count]: readonly Der[],
  encrypted: Buffer,
): LockedKey | UnreadableLock {
  const iterations = smallNumber(count);
  if (salt?.tag !== DER_OCTETS || iterations < 1 || iterations > OLD_ITERATION_LIMIT)
    return DAMAGED;
  if (encrypted.length === 0 || (cipher !== 'rc4' && encrypted.length % 8 !== 0)) return DAMAGED;
  const parameters = { salt: salt.content, iterations };
  return {
    cipher,
    decrypt: (passphrase) => {
      if (hash === 'pkcs12') {
        const key = pkcs12Key(passphrase, { ...parameters, id: 1, length: keyLength });
        if (cipher === 'rc4') return Promise.resolve(rc4(key, encrypted));
        const iv = pkcs12Key(passphrase, { ...parameters, id: 2, length: 8 });
        return Promise.resolve(decrypt(cipher, { key, iv }, encrypted));
      }
      const bytes = pbkdf1(hash, passphrase, parameters);
      const [key, iv] = [bytes.subarray(0, 8), bytes.subarray(8, 16)];
      return Promise.resolve(decrypt(cipher, { key, iv }, encrypted));
    },
  };
}

/** A PEM block with `Proc-Type: 4,ENCRYPTED` and `DEK-Info`, as OpenSSL's `-traditional` writes it. */
export function readLockedTraditional({ dekInfo, der }: PemBlock): LockedKey | UnreadableLock {
  if (dekInfo === undefined) return DAMAGED;
  const cipher = dekInfo.cipher.toLowerCase();
  const iv = Buffer.from(dekInfo.iv, 'hex');
  if (!/^(des|aes-\d+|des-ede3|camellia-\d+|aria-\d+|rc2)-cbc$/.test(cipher))
    return { kind: 'unsupported', what: `cipher ${/^[\w-]{1,32}$/.test(cipher) ? cipher : ''}` };
  const shape = cipherShape(cipher);
  if (!fits(shape, iv, der)) return DAMAGED;
  return {
    cipher,
    decrypt: (passphrase) => {
      const key = bytesToKey(passphrase, iv.subarray(0, 8), shape.keyLength);
      return Promise.resolve(decrypt(cipher, { key, iv }, der));
    },
  };
}

type CipherShape = {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
};

function cipherShape(cipher: string): CipherShape {
  if (cipher === 'des-cbc') return { keyLength: 8, ivLength: 8, blockSize: 8 };
  if (cipher === 'rc2-cbc') return { keyLength: 16, ivLength: 8, blockSize: 8 };
  const info = getCipherInfo(cipher);
  return {
    keyLength: info?.keyLength ?? 0,
    ivLength: info?.ivLength ?? 0,
    blockSize: info?.mode === 'cbc' ? (info.blockSize ?? 1) : 1,
  };
}

// RC2-CBC-Parameter: rc2ParameterVersion INTEGER OPTIONAL (32 bits where it is left out), iv OCTET STRING
function rc2Shape(parameters: Der | undefined): CipherShape {
  const version = smallNumber(parameters?.children[0]);
  return { ...cipherShape('rc2-cbc'), keyLength: RC2_KEY_LENGTHS[version] ?? 0 };
}

function fits(
  { keyLength, ivLength, blockSize }: CipherShape,
  iv: Buffer | undefined,
  encrypted: Buffer,
): boolean {
  if (keyLength === 0 || iv?.length !== ivLength) return false;
  return encrypted.length > 0 && encrypted.length % blockSize === 0;
}

function decrypt(
  cipher: string,
  { key, iv }: { readonly key: Buffer; readonly iv: Buffer },
  encrypted: Buffer,
): Buffer {
  if (cipher === 'des-cbc' || cipher === 'rc2-cbc')
    return decryptOld(cipher satisfies OldCipher, { key, iv, bits: key.length * 8 }, encrypted);
  const decipher = createDecipheriv(cipher, key, iv).setAutoPadding(false);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}
