import { createHash } from 'node:crypto';
import { parseV1Signature } from '../format/signature-v1.ts';

/** A Secure Boot V1 signature. It does not carry its key: whether it holds, only `verify --trust` can tell. In hex. */
export type V1SignatureReport = {
  readonly offset: number;
  /** SHA-256 of everything in front of it, which it signs. */
  readonly contentsDigest: string;
  readonly r: string;
  readonly s: string;
};

/** Explains the Secure Boot V1 signature at `offset` of `bytes`. Throws FormatError where there is none. */
export function describeV1Signature(bytes: Buffer, offset: number): V1SignatureReport {
  const { r, s } = parseV1Signature(bytes.subarray(offset), offset);
  const digest = createHash('sha256').update(bytes.subarray(0, offset)).digest('hex');
  return { offset, contentsDigest: digest, r: r.toString('hex'), s: s.toString('hex') };
}
