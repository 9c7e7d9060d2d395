import { DER_OCTETS, DER_OID, DER_SEQUENCE, oidOf, readDer, type Der } from './forge.ts';

const OID_DATA = '1.2.840.113549.1.7.1';
const OID_KEY_BAG = '1.2.840.113549.1.12.10.1.1';
const OID_SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const OID_SAFE_CONTENTS_BAG = '1.2.840.113549.1.12.10.1.6';

/** Bags in bags in bags: nobody writes more. */
const DEEPEST = 4;

/** A private key in a PKCS#12 file. */
export type BaggedKey = {
  /** EncryptedPrivateKeyInfo (`locked`) or PrivateKeyInfo. */
  readonly element: Der;
  readonly locked: boolean;
};

/**
 * The private keys of a PKCS#12 file (RFC 7292, sections 4 and 5), as far as they are in the open part of it, where OpenSSL, Java and
 * the cloud providers put them, each under the passphrase by itself. Undefined for what is no such file. Its MAC is not checked: a
 * key says by itself whether the passphrase was right.
 */
export function keysInPkcs12(file: Der): readonly BaggedKey[] | undefined {
  const [, authSafe] = file.children;
  const safe = dataOf(authSafe);
  const contents = safe === undefined ? undefined : readDer(safe);
  if (contents?.tag !== DER_SEQUENCE) return undefined;
  return contents.children.flatMap((info) => {
    const data = dataOf(info);
    return data === undefined ? [] : keysInBags(readDer(data), 0);
  });
}

/** The bytes of a ContentInfo of the type `data`. */
function dataOf(info: Der | undefined): Buffer | undefined {
  const [type, explicit] = info?.children ?? [];
  const octets = explicit?.children[0];
  if (type?.tag !== DER_OID || oidOf(type) !== OID_DATA) return undefined;
  return octets?.tag === DER_OCTETS ? octets.content : undefined;
}

function keysInBags(bags: Der | undefined, depth: number): readonly BaggedKey[] {
  if (bags?.tag !== DER_SEQUENCE || depth > DEEPEST) return [];
  return bags.children.flatMap((bag): readonly BaggedKey[] => {
    const [type, explicit] = bag.children;
    const element = explicit?.children[0];
    if (type?.tag !== DER_OID || element === undefined) return [];
    const id = oidOf(type);
    if (id === OID_SAFE_CONTENTS_BAG) return keysInBags(element, depth + 1);
    if (id === OID_SHROUDED_KEY_BAG) return [{ element, locked: true }];
    return id === OID_KEY_BAG ? [{ element, locked: false }] : [];
  });
}
