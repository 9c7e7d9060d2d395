import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { describeChipId } from '../chip/registry.ts';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { requireOtherFile } from '../files/other-file.ts';
import { readInput } from '../files/read-input.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { ByteReader } from '../format/byte-reader.ts';
import { ESP_IMAGE_MAGIC, parseImageHeader } from '../format/esp-image-header.ts';
import {
  decryptFlash,
  encryptFlash,
  ENCRYPTION_BLOCK,
  type FlashEncryption,
} from '../format/flash-encryption.ts';

const KEY_FILE_LIMIT = 4096;

export type FlashDataJob = {
  readonly projectDirectory: string;
  readonly direction: 'encrypt' | 'decrypt';
  /** Files as their user named them. */
  readonly input: string;
  readonly output: string;
  readonly keyFile: string;
  readonly chip: Chip;
  /** Flash offset of the input's first byte. */
  readonly address: number;
  /** eFuse FLASH_CRYPT_CONFIG; the ESP32 only. */
  readonly cryptConfig?: number;
  readonly warn: (code: string, message: string) => void;
};

export type FlashDataReport = {
  readonly output: string;
  readonly chip: string;
  readonly address: number;
  readonly size: number;
  readonly algorithm: string;
};

/**
 * Encrypts a file as it would lie in the chip's flash, or decrypts what was read from there. The result is turned back
 * and compared before it takes its name. Throws SigningError for a key file that is none for the chip, UsageError and
 * FormatError for what cannot be encrypted at that address.
 */
export async function transformFlashData(job: FlashDataJob): Promise<FlashDataReport> {
  const { projectDirectory, direction, input, output, chip, address, cryptConfig } = job;
  await requireOtherFile(projectDirectory, [input, job.keyFile], output);
  const path = resolve(projectDirectory, input);
  const data = await readInput(path, 'data to encrypt or decrypt');
  requireFitting(data, job);
  const { scheme } = chip.flashEncryption;
  const key = await readKey(job);
  if (cryptConfig !== undefined && scheme !== 'esp32')
    throw new UsageError('USAGE', `${chip.title} has no FLASH_CRYPT_CONFIG: only the ESP32 has`);
  const encryption: FlashEncryption = {
    scheme,
    key,
    address,
    ...(cryptConfig === undefined ? {} : { cryptConfig }),
  };
  const [forth, back] =
    direction === 'encrypt' ? [encryptFlash, decryptFlash] : [decryptFlash, encryptFlash];
  await writeFileAtomically(resolve(projectDirectory, output), forth(data, encryption), {
    check: (written) => {
      if (!back(written, encryption).equals(data)) throw new Error(`${output} does not turn back`);
    },
  });
  return { output, chip: chip.name, address, size: data.length, algorithm: algorithmOf(chip, key) };
}

function algorithmOf({ flashEncryption }: Chip, key: Buffer): string {
  if (flashEncryption.scheme === 'esp32') return 'AES-256, ESP32';
  return key.length === 64 ? 'XTS-AES-256' : 'XTS-AES-128';
}

function requireFitting(data: Buffer, { input, chip, address, direction }: FlashDataJob): void {
  const where = { file: input };
  if (data.length === 0) throw new FormatError('TRUNCATED', `${input} is empty`, { where });
  if (address % ENCRYPTION_BLOCK !== 0) {
    throw new UsageError(
      'USAGE',
      `the flash address ${hex(address)} is not a multiple of 16, which flash encryption works in`,
    );
  }
  if (data.length % ENCRYPTION_BLOCK !== 0) {
    const whole = Math.ceil(data.length / ENCRYPTION_BLOCK) * ENCRYPTION_BLOCK;
    throw new FormatError(
      'BAD_VALUE',
      `${input} has ${data.length} bytes, which is not a multiple of 16: flash encryption works in blocks of 16 bytes`,
      { where, hint: `Fill the file up to ${whole} bytes, with 0xff as in erased flash.` },
    );
  }
  if (direction === 'decrypt' || data[0] !== ESP_IMAGE_MAGIC || data.length < 24) return;
  const { chipId } = parseImageHeader(new ByteReader(data, input));
  if (chipId === chip.chipId) return;
  throw new UsageError(
    'USAGE',
    `${input} is an image for ${describeChipId(chipId)}, not for ${chip.title}`,
  );
}

async function readKey({ projectDirectory, keyFile, chip, warn }: FlashDataJob): Promise<Buffer> {
  const path = resolve(projectDirectory, keyFile);
  const key = await readInput(path, 'a flash encryption key', KEY_FILE_LIMIT);
  const { keyLengths } = chip.flashEncryption;
  if (!keyLengths.includes(key.length)) {
    const expected = keyLengths.join(' or ');
    throw new SigningError(
      'KEY_WRONG_TYPE',
      key.includes('-----BEGIN ')
        ? `${keyFile} is PEM text; a flash encryption key is ${expected} raw bytes`
        : `${keyFile} has ${key.length} bytes; a flash encryption key of ${chip.title} has ${expected}`,
      { where: { file: keyFile } },
    );
  }
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) !== 0 && process.platform !== 'win32')
    warn(
      'KEY_PERMISSIONS',
      `${keyFile} can be read by others (mode ${mode.toString(8)}): chmod 600 ${keyFile}`,
    );
  return key;
}
