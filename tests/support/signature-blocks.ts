import {
  constants,
  createHash,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { SignatureBlock } from '../../builder/format/signature-block.ts';
import { publicKeyFields, publicKeyOf } from '../../builder/format/signature-key.ts';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../../builder/format/signature-scheme.ts';

export const ALL_SCHEMES: readonly SignatureScheme[] = [
  'rsa3072',
  'ecdsa192',
  'ecdsa256',
  'ecdsa384',
];

const keys = new Map<string, KeyObject>();

/** A private key of the scheme, made once for each name in a test file: RSA takes a while. */
export function aPrivateKey(scheme: SignatureScheme, name = 'first'): KeyObject {
  const id = `${scheme} ${name}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const facts = SIGNATURE_SCHEMES[scheme];
  const { privateKey } =
    facts.kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 3072 })
      : generateKeyPairSync('ec', { namedCurve: facts.curve });
  keys.set(id, privateKey);
  return privateKey;
}

/** A block that really signs `contents`. */
export function aSignedBlock(
  scheme: SignatureScheme,
  contents: Buffer = Buffer.alloc(4096, 0xe9),
  key: KeyObject = aPrivateKey(scheme),
): SignatureBlock {
  const fields = publicKeyFields(key);
  const facts = SIGNATURE_SCHEMES[fields.scheme];
  const imageDigest = createHash(facts.hash).update(contents).digest();
  if (fields.scheme === 'rsa3072') {
    const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    return { ...fields, imageDigest, signature: sign('sha256', contents, options) };
  }
  const rs = sign(facts.hash, contents, { key, dsaEncoding: 'ieee-p1363' });
  const half = rs.length / 2;
  const signature = { r: rs.subarray(0, half), s: rs.subarray(half) };
  return { ...fields, imageDigest, signature };
}

/** Whether node:crypto finds the block's signature over `contents` good, with the block's own key. */
export function isSignatureGood(block: SignatureBlock, contents: Buffer): boolean {
  const key = publicKeyOf(block);
  if (block.scheme === 'rsa3072') {
    const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    return verify('sha256', contents, options, block.signature);
  }
  const { r, s } = block.signature;
  const signature = Buffer.concat([r, s]);
  const { hash: algorithm } = SIGNATURE_SCHEMES[block.scheme];
  return verify(algorithm, contents, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** A copy of a block's 1216 bytes with some of them changed and the CRC made right again. */
export function resealed(bytes: Buffer, changes: Readonly<Record<number, number>>): Buffer {
  const copy = Buffer.from(bytes);
  for (const [offset, value] of Object.entries(changes)) copy.writeUInt8(value, Number(offset));
  copy.writeUInt32LE(crc32(copy.subarray(0, 1196)), 1196);
  return copy;
}
