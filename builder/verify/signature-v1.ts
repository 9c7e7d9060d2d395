import { verify, type KeyObject } from 'node:crypto';
import type { Chip } from '../chip/chip.ts';
import { keyDigestOfPublicKey } from '../format/signature-key.ts';
import { parseV1Signature } from '../format/signature-v1.ts';
import { errorFinding, type Finding } from './finding.ts';

export type V1Options = {
  readonly file: string;
  /** Unsaid: a partition table does not tell its chip. */
  readonly chip?: Chip;
  readonly publicKeys?: readonly KeyObject[];
};

export type CheckedV1Signature = {
  readonly offset: number;
  /** Digest, as Secure Boot V2 would have it, of the key that made the signature; unsaid when none of those given did. */
  readonly keyDigest?: Buffer;
  readonly findings: readonly Finding[];
};

/**
 * Checks a Secure Boot V1 signature at `offset` against everything in front of it. It carries no key: the ESP32 has it
 * in its bootloader, and without the public key nothing is proved, not even that the contents are whole.
 * Source: ESP-IDF secure_boot_v1/secure_boot_signatures_bootloader.c.
 */
export function checkV1Signature(
  bytes: Buffer,
  offset: number,
  { file, chip, publicKeys }: V1Options,
): CheckedV1Signature {
  const place = { file, offset };
  if (chip?.secureBootV1 === false) {
    const message = `has a Secure Boot V1 signature, which ${chip.title} does not verify: only the ESP32 does`;
    return { offset, findings: [errorFinding('SIGNATURE_SCHEME', message, place)] };
  }
  const keys = (publicKeys ?? []).filter(isP256);
  if (keys.length === 0) {
    const message =
      publicKeys === undefined
        ? 'has a Secure Boot V1 signature, which does not carry its key: name the public key (PEM, P-256) with --trust to have it checked'
        : 'has a Secure Boot V1 signature, which is by a P-256 key: none of the trusted public keys is one';
    return { offset, findings: [errorFinding('SIGNATURE_UNTRUSTED', message, place)] };
  }
  const { r, s } = parseV1Signature(bytes.subarray(offset), offset);
  const signature = Buffer.concat([r, s]);
  const contents = bytes.subarray(0, offset);
  const key = keys.find((candidate) =>
    verify('sha256', contents, { key: candidate, dsaEncoding: 'ieee-p1363' }, signature),
  );
  if (key !== undefined) return { offset, keyDigest: keyDigestOfPublicKey(key), findings: [] };
  const message =
    'the Secure Boot V1 signature is not one by the trusted key over these contents: other contents, or another key';
  return { offset, findings: [errorFinding('SIGNATURE_INVALID', message, place)] };
}

function isP256({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
}
