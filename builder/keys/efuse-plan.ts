import type { Chip } from '../chip/chip.ts';
import { SigningError } from '../errors/families.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';

/** A key whose digest is to be burnt: `file` is where its digest file goes, as the commands name it. */
export type EfuseKey = {
  readonly name: string;
  readonly file: string;
  readonly scheme: SignatureScheme;
  readonly digest: Buffer;
};

export type EfuseStep = {
  readonly title: string;
  /** The command's words; `espefuse` of esptool 5. */
  readonly command: readonly string[];
};

export type EfusePlan = {
  /** What each digest file holds: the bytes that the chip's eFuse does. */
  readonly files: readonly {
    readonly file: string;
    readonly contents: Buffer;
    readonly key: string;
  }[];
  readonly steps: readonly EfuseStep[];
  readonly notes: readonly string[];
};

/**
 * The digest files of keys and the espefuse commands that make a chip trust exactly these, for ever. Nothing is run.
 * Enabling comes last: until then a wrong digest costs a key block, afterwards the chip. Throws SigningError for keys
 * that the chip cannot hold or verify. Source: ESP-IDF security-features-enablement-workflows, "Enable Secure Boot V2
 * Externally".
 */
export function planEfuses(chip: Chip, keys: readonly EfuseKey[], firstBlock = 0): EfusePlan {
  checkKeys(chip, keys);
  const { digestEfuses: efuses, secureBootV2 } = chip;
  const { blocks, purposes, enableBit, sha384Bit } = efuses;
  if (firstBlock + keys.length > blocks.length) {
    const message = `${chip.title} has key blocks 0 to ${blocks.length - 1}; ${keys.length} digest(s) from block ${firstBlock} on do not fit`;
    throw new SigningError('KEY_COUNT', message);
  }
  const espefuse = ['espefuse', '--chip', chip.name];
  const burnt = keys.flatMap(({ file }, index) => [
    blocks[firstBlock + index] ?? '',
    file,
    ...purposes.slice(index, index + 1),
  ]);
  const needsSha384 = sha384Bit !== undefined && keys[0]?.scheme === 'ecdsa384';
  const unused = efuses.revokeBits.slice(keys.length);
  const burnEfuse = (...bits: readonly string[]): readonly string[] => [
    ...[...espefuse, 'burn-efuse'],
    ...bits.flatMap((bit) => [bit, '1']),
  ];
  return {
    files: keys.map(({ file, name, digest }) => ({
      file,
      key: name,
      contents: digest.subarray(0, secureBootV2.keyDigestLength),
    })),
    steps: [
      { title: 'burn the digest of every key', command: [...espefuse, 'burn-key', ...burnt] },
      ...(unused.length === 0
        ? []
        : [
            {
              title: `revoke the ${unused.length} slot(s) that no key will use`,
              command: burnEfuse(...unused),
            },
          ]),
      ...(needsSha384
        ? [{ title: 'have signatures verified with SHA-384', command: burnEfuse(sha384Bit) }]
        : []),
      { title: 'enable Secure Boot V2', command: burnEfuse(enableBit) },
    ],
    notes: notesOn(chip, keys, unused.length),
  };
}

function checkKeys(chip: Chip, keys: readonly EfuseKey[]): void {
  const { keySlots, schemes } = chip.secureBootV2;
  const [first] = keys;
  if (keys.length > keySlots) {
    const message = `${keys.length} keys were given; ${chip.title} holds ${keySlots} digest(s)`;
    throw new SigningError('KEY_COUNT', message);
  }
  for (const [index, { name, scheme, digest }] of keys.entries()) {
    if (!schemes.includes(scheme)) {
      const message = `${name} is a key for ${scheme}, which ${chip.title} does not verify; it knows ${schemes.join(', ')}`;
      throw new SigningError('SCHEME_UNSUPPORTED', message);
    }
    if (first !== undefined && scheme !== first.scheme) {
      const message = `${name} is a key for ${scheme}, ${first.name} for ${first.scheme}: a device is built for one scheme`;
      throw new SigningError('SCHEME_MISMATCH', message);
    }
    const twin = keys.slice(0, index).find((other) => other.digest.equals(digest));
    if (twin !== undefined)
      throw new SigningError('KEY_DUPLICATE', `${twin.name} and ${name} are the same key`);
  }
}

function notesOn(chip: Chip, keys: readonly EfuseKey[], unused: number): readonly string[] {
  const { rsaFromRevision } = chip.secureBootV2;
  const notes = [
    'Flash a bootloader and an app that are signed by one of these keys, and see them start, before you enable Secure Boot.',
    'Flash encryption, JTAG and download mode have eFuses of their own: ESP-IDF, "Security Features Enablement Workflows".',
  ];
  if (unused > 0)
    notes.push(
      'Leave the revoking out only where a slot is kept for a later key: until it is burnt or revoked, whoever controls the app can burn a key of theirs.',
    );
  if (chip.digestEfuses.sharesBlock === true)
    notes.push(
      `${chip.title} keeps its flash encryption key in the same block, which can be burnt only once: to use both, add BLOCK_KEY0 KEYFILE XTS_AES_128_KEY_DERIVED_FROM_128_EFUSE_BITS to the first command.`,
    );
  if (chip.digestEfuses.sha384Bit !== undefined && keys[0]?.scheme === 'ecdsa384')
    notes.push(
      `Look first whether espefuse summary lists ${chip.digestEfuses.sha384Bit}: early revisions (ESP32-P4 before 3.0) lack it, and with it ecdsa384.`,
    );
  if (rsaFromRevision !== undefined && keys[0]?.scheme === 'rsa3072')
    notes.push(
      `RSA is verified by ${chip.title} from revision ${Math.floor(rsaFromRevision / 100)}.${rsaFromRevision % 100} on: an older chip never starts again.`,
    );
  return notes;
}
