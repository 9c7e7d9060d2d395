import { SigningError } from '../errors/families.ts';
import {
  DER_BITS,
  DER_INTEGER,
  DER_OCTETS,
  DER_OID,
  DER_SEQUENCE,
  encodeDer,
  readDer,
  readPem,
  type Der,
  type PemBlock,
} from './forge.ts';
import {
  readLockedPkcs8,
  readLockedTraditional,
  type LockedKey,
  type UnreadableLock,
} from './locked-key.ts';
import { keysInPkcs12 } from './pkcs12.ts';

/** A private key's file, opened as far as one gets without a passphrase. */
export type KeyContainer = {
  /** What messages call it: a PEM label. */
  readonly label: string;
  /** What `der` is, or holds once `lock` has been opened. */
  readonly type: 'pkcs1' | 'pkcs8' | 'sec1';
  readonly der: Buffer;
  readonly lock?: LockedKey;
};

const TYPES: Readonly<Record<string, KeyContainer['type']>> = {
  'RSA PRIVATE KEY': 'pkcs1',
  'EC PRIVATE KEY': 'sec1',
  'PRIVATE KEY': 'pkcs8',
  'ENCRYPTED PRIVATE KEY': 'pkcs8',
};
const MAKE_ONE = { hint: 'Make one with: ota-build keys generate FILE' };

/**
 * Finds the one private key in a file: PEM, or DER of PKCS#1, SEC1, PKCS#8 or PKCS#12. Throws SigningError when there is none, more than
 * one, one that is damaged where no passphrase is needed to see it, or one that is locked in a way that nobody here opens.
 */
export function containerOf(bytes: Buffer, name: string): KeyContainer {
  const block = bytes[0] === DER_SEQUENCE ? derBlock(bytes, name) : pemBlock(bytes, name);
  if (block.label.endsWith('PUBLIC KEY') || block.label === 'CERTIFICATE') {
    const what = block.label === 'CERTIFICATE' ? 'a certificate' : 'a public key';
    throw new SigningError('KEY_WRONG_TYPE', `${name} is ${what}; signing needs the private key`, {
      hint: 'Name the file whose first line ends in PRIVATE KEY-----.',
    });
  }
  const type = TYPES[block.label];
  if (type === undefined) {
    throw new SigningError(
      'KEY_WRONG_TYPE',
      `${name} holds a PEM block '${block.label}'; a private key was expected`,
    );
  }
  const { label, der } = block;
  if (!block.encrypted) return { label, type, der };
  const lock =
    label === 'ENCRYPTED PRIVATE KEY' ? readLockedPkcs8(der) : readLockedTraditional(block);
  return { label, type, der, lock: requireReadable(lock, name) };
}

function pemBlock(bytes: Buffer, name: string): PemBlock {
  const blocks = readPem(bytes.toString('utf8'));
  if (blocks === undefined || blocks.length === 0) {
    throw new SigningError(
      'KEY_UNREADABLE',
      `${name} is not a key in PEM: no complete -----BEGIN … -----END block was found`,
      MAKE_ONE,
    );
  }
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (keys.length > 1) {
    throw new SigningError(
      'KEY_COUNT',
      `${name} holds ${keys.length} private keys; one was expected`,
      { hint: 'Put each key into a file of its own, and name them all with --key.' },
    );
  }
  // Other blocks may stand beside it: `openssl ecparam -genkey` puts the curve's parameters before the key.
  const [block = blocks[0]] = keys;
  if (block === undefined) throw new SigningError('KEY_UNREADABLE', `${name} holds no key`);
  return block;
}

/** What a file in DER is, by the kinds of its first two elements. */
function derBlock(der: Buffer, name: string): PemBlock {
  const file = readDer(der);
  const kind = file === undefined ? '' : kindsOf(file);
  if (file !== undefined && kind === '3 algorithm') return pkcs12Block(file, name);
  const label = DER_KINDS[kind];
  if (label !== undefined) return { label, encrypted: label === LOCKED, der };
  throw new SigningError(
    'KEY_UNREADABLE',
    `${name} is not a private key in PEM or DER, or it is damaged`,
    MAKE_ONE,
  );
}

function pkcs12Block(file: Der, name: string): PemBlock {
  const keys = keysInPkcs12(file);
  const [key] = keys ?? [];
  if (key === undefined || keys?.length !== 1) {
    const problem =
      keys === undefined
        ? 'is damaged'
        : keys.length === 0
          ? 'holds no private key'
          : `holds ${keys.length} private keys`;
    throw new SigningError(
      keys === undefined ? 'KEY_UNREADABLE' : 'KEY_COUNT',
      `${name} is a PKCS#12 file and ${problem}; one private key was expected`,
    );
  }
  const label = key.locked ? LOCKED : 'PRIVATE KEY';
  return { label, encrypted: key.locked, der: encodeDer(key.element) };
}

const LOCKED = 'ENCRYPTED PRIVATE KEY';
const DER_KINDS: Readonly<Record<string, string>> = {
  '0 algorithm': 'PRIVATE KEY',
  '1 algorithm': 'PRIVATE KEY',
  '0 number': 'RSA PRIVATE KEY',
  // More than two primes.
  '1 number': 'RSA PRIVATE KEY',
  '1 octets': 'EC PRIVATE KEY',
  'algorithm octets': LOCKED,
  'algorithm bits': 'PUBLIC KEY',
};

/** Whether DER is a key of this type, by what it begins with: OpenSSL 3.5 takes one for another. */
export function isOfType(der: Der, type: KeyContainer['type']): boolean {
  return TYPES[DER_KINDS[kindsOf(der)] ?? ''] === type;
}

function kindsOf({ children: [first, second] }: Der): string {
  return `${kindOf(first)} ${kindOf(second)}`;
}

/** A small INTEGER as itself, any other element as a word. */
function kindOf(element: Der | undefined): string {
  if (element === undefined) return '';
  const { tag, content, children } = element;
  if (tag === DER_INTEGER) return content.length === 1 ? String(content[0]) : 'number';
  if (tag === DER_OCTETS) return 'octets';
  if (tag === DER_BITS) return 'bits';
  if (tag !== DER_SEQUENCE) return '';
  return children[0]?.tag === DER_OID ? 'algorithm' : 'sequence';
}

function requireReadable(lock: LockedKey | UnreadableLock, name: string): LockedKey {
  if (!('kind' in lock)) return lock;
  if (lock.kind === 'damaged') {
    throw new SigningError(
      'KEY_UNREADABLE',
      `${name} is damaged: how it is encrypted cannot be read, so no passphrase opens it`,
    );
  }
  throw new SigningError(
    'KEY_UNREADABLE',
    `${name} is encrypted in a way that is not supported (${lock.what.trim()})`,
    { hint: `Convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in ${name} -out new.pem` },
  );
}
