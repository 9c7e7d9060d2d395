import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import type { Manifest } from '../../../builder/manifest/manifest.ts';
import {
  CHECKSUMS,
  MANIFEST,
  MANIFEST_SIGNATURE,
} from '../../../builder/manifest/release-files.ts';
import { checkRelease, verifyRelease } from '../../../builder/verify/release.ts';
import { UsageError } from '../../../builder/errors/families.ts';
import { makeApp } from '../../support/firmware.ts';
import { OTA_TABLE } from '../../support/plans.ts';
import {
  aRelease,
  edited,
  errorsIn,
  fileOf,
  findingsOf,
  repaired,
  stemOf,
  withFile,
  withManifest,
  withManifestDigests,
  withSums,
  type Files,
} from '../../support/release.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = stemOf(BOARD);
const APP = `${STEM}.app-bin`;
const FIRMWARE = `${STEM}.bin`;
const ZIP = `${STEM}.zip`;

/** Nothing signed: what a test changes has no signature to void. */
let plain: Files;
let signed: Files;

beforeAll(async () => {
  plain = await aRelease({ chip: esp32, board: BOARD, keys: [] });
  signed = await aRelease({ chip: esp32, board: BOARD, keys: [aPrivateKey('rsa3072')] });
});

/** An error as expected; its offset counts only when one is named. */
const error = (code: string, message: RegExp, file: string, offset?: number) =>
  expect.objectContaining({
    severity: 'error',
    code,
    message: expect.stringMatching(message) as string,
    file,
    ...(offset === undefined ? {} : { offset }),
  }) as unknown;

/** Errors about a manifest that was changed, when everything that follows from it was made to fit. */
const errorsWithManifest = async (edit: (manifest: Manifest) => unknown, files = plain) =>
  errorsIn(await repaired(withManifest(files, edit)));

/** Errors about a file that was changed, when digests, zip and SHA256SUMS were made to fit. */
const errorsWithFile = async (name: string, edit: (bytes: Buffer) => void) =>
  errorsIn(await repaired(withManifestDigests(edited(plain, name, edit))));

describe('A release that was unpacked from its zip', () => {
  const unpacked = (): Files =>
    new Map([...signed].filter(([name]) => name !== CHECKSUMS && !name.endsWith('.zip')));

  test('holds without SHA256SUMS and zip, and says that they are not there', async () => {
    const { checks } = await checkRelease({ files: unpacked(), findings: [] });
    expect(checks.flatMap(({ findings }) => findings)).toEqual([]);
    expect(
      checks.filter(({ absent }) => absent?.includes('unpacked zip')).map(({ title }) => title),
    ).toEqual(['checksums (SHA256SUMS)', 'zip']);
  });

  test('is still refused when a file of it was changed', async () => {
    const files = edited(unpacked(), 'otadata.bin', (bytes) => bytes.writeUInt8(0, 0));
    expect((await errorsIn(files)).map(({ file }) => file)).toContain('otadata.bin');
  });
});

describe('A release', () => {
  test('as it was made has no findings, signed or not', async () => {
    expect(await findingsOf(plain)).toEqual([]);
    expect(await findingsOf(signed)).toEqual([]);
  });

  test('is read from its directory, where nothing but files may be', async () => {
    const entries = [...signed].map(([name, bytes]): [string, Buffer] => [`r/${name}`, bytes]);
    const project = await tempProject({
      ...Object.fromEntries(entries),
      'odd/deeper/file': '',
    });
    const { checks, manifest, signature } = await verifyRelease(`${project}/r`);
    expect(checks.map(({ title }) => title)).toEqual([
      'checksums (SHA256SUMS)',
      'manifest',
      'manifest signature',
      'app image and signature',
      'bootloader',
      'partition table',
      'OTA data',
      'files of the build (ELF, map, sdkconfig)',
      'bill of materials (SBOM)',
      'full-flash image',
      'flash arguments',
      'zip',
    ]);
    expect(checks.flatMap(({ findings }) => findings)).toEqual([]);
    expect(manifest?.board).toBe(BOARD);
    expect(signature?.blocks).toHaveLength(1);
    const odd = await verifyRelease(`${project}/odd`);
    expect(odd.checks[0]?.findings[0]).toEqual(
      error('FILE_UNEXPECTED', /is not a regular file/, 'deeper'),
    );
    const missing = await thrownBy(UsageError, () => verifyRelease(`${project}/nowhere`));
    expect(missing.code).toBe('INPUT_MISSING');
  });

  test('carries the warnings of its manifest', async () => {
    const old = await aRelease({
      chip: esp32c3,
      board: 'ESP32_GENERIC_C3',
      version: 'v1.20.0',
      keys: [],
    });
    expect(await findingsOf(old)).toEqual([
      {
        severity: 'warning',
        code: 'RELEASE_WARNING',
        message: expect.stringMatching(/v1\.20\.0 .*does not roll back/) as string,
      },
    ]);
  });
});

describe('A release of the rollback drill', () => {
  test('holds the drill, and no other program', async () => {
    const other = await aRelease({ chip: esp32c3, board: 'ESP32_GENERIC_C3', keys: [] });
    const called = withManifest(other, (manifest) => ({
      ...manifest,
      source: { kind: 'drill', file: 'esp32c3.elf', sha256: '5a'.repeat(32) },
    }));
    expect(await errorsIn(await repaired(called))).toContainEqual(
      error('MANIFEST_MISMATCH', /is the rollback drill, but the app is another program/, MANIFEST),
    );
  });
});

describe('Files of a release', () => {
  test('that are not there are missed by whoever lists them', async () => {
    expect(await errorsIn(withFile(plain, 'bootloader.bin', undefined))).toEqual(
      expect.arrayContaining([
        error('FILE_MISSING', /listed in SHA256SUMS, but not there/, 'bootloader.bin'),
        error('FILE_MISSING', /listed in the manifest, but not there/, 'bootloader.bin'),
      ]),
    );
  });

  test.each([CHECKSUMS, ZIP, MANIFEST, MANIFEST_SIGNATURE])(
    'that belong to every signed release are missed: %s',
    async (name) => {
      const errors = await errorsIn(withFile(signed, name, undefined));
      expect(errors).toContainEqual(error('FILE_MISSING', /not there/, name));
    },
  );

  test('without a manifest are not a release', async () => {
    const errors = await errorsIn(new Map([['a.bin', Buffer.from('a')]]));
    expect(errors).toEqual([
      error('FILE_MISSING', /^is not there/, CHECKSUMS),
      error('FILE_MISSING', /not a release of ota-build/, MANIFEST),
    ]);
  });

  test('that nobody put there are unexpected, even when SHA256SUMS and zip know them', async () => {
    const errors = await errorsIn(await repaired(withFile(plain, 'notes.txt', Buffer.from('hi'))));
    expect(errors).toEqual([error('FILE_UNEXPECTED', /not part of this release/, 'notes.txt')]);
  });

  test('with other contents or another size than the manifest says are told apart', async () => {
    const other = edited(plain, 'partitions.csv', (bytes) => bytes.write('?', 2));
    expect(await errorsIn(await repaired(other))).toContainEqual(
      error('FILE_MISMATCH', /another SHA-256 than the manifest says/, 'partitions.csv'),
    );
    const longer = withFile(
      plain,
      'partitions.csv',
      Buffer.concat([fileOf(plain, 'partitions.csv'), Buffer.from('\n')]),
    );
    expect(await errorsIn(await repaired(longer))).toEqual([
      error('FILE_MISMATCH', /has 236 bytes; the manifest says 235/, 'partitions.csv'),
    ]);
  });

  test('that SHA256SUMS has another digest for, or none, are named', async () => {
    const errors = await errorsIn(
      withFile(
        plain,
        CHECKSUMS,
        Buffer.from(
          fileOf(plain, CHECKSUMS)
            .toString()
            .replace(/^.*flash_args\n/m, ''),
        ),
      ),
    );
    expect(errors).toEqual([error('CHECKSUMS_MISMATCH', /not listed in SHA256SUMS/, 'flash_args')]);
    const changed = edited(plain, 'flash_args', (bytes) => bytes.write('X', bytes.length - 1));
    expect(await errorsIn(changed)).toContainEqual(
      error('CHECKSUMS_MISMATCH', /another SHA-256 than SHA256SUMS says/, 'flash_args'),
    );
  });

  test('with a SHA256SUMS that says the right thing in another way are refused', async () => {
    const upper = withFile(
      plain,
      CHECKSUMS,
      Buffer.from(`# sums\n${fileOf(plain, CHECKSUMS).toString()}`),
    );
    expect(await errorsIn(upper)).toEqual([
      error('CHECKSUMS_MISMATCH', /not as sha256sum would write it/, CHECKSUMS),
    ]);
  });

  test('with a zip of something else are refused', async () => {
    const zip = fileOf(
      await repaired(edited(plain, 'flash_args', (bytes) => bytes.write('X', 0))),
      ZIP,
    );
    expect(await errorsIn(withSums(withFile(plain, ZIP, zip)))).toEqual([
      error('ZIP_MISMATCH', /holds a flash_args that differs/, ZIP),
    ]);
  });
});

describe('A manifest', () => {
  test('that is not JSON, or not UTF-8, is malformed', async () => {
    const cut = withSums(withFile(plain, MANIFEST, fileOf(plain, MANIFEST).subarray(0, 100)));
    expect(await errorsIn(cut)).toEqual([error('MANIFEST_MALFORMED', /^is not JSON/, MANIFEST)]);
    const bytes = edited(plain, MANIFEST, (text) => text.writeUInt8(0xff, 20));
    expect(await errorsIn(withSums(bytes))).toEqual([
      error('MANIFEST_MALFORMED', /^is not JSON/, MANIFEST),
    ]);
  });

  test.each([
    { what: 'another schema', edit: { schema: 2 }, message: /^schema: / },
    { what: 'a field that nobody knows', edit: { extra: 1 }, message: /extra/ },
    { what: 'a negative secure_version', edit: { secureVersion: -1 }, message: /^secureVersion: / },
    { what: 'a date that is none', edit: { createdAt: 'yesterday' }, message: /^createdAt: / },
    { what: 'no partitions', edit: { partitions: undefined }, message: /^partitions: / },
  ])('with $what is malformed, and the field is named', async ({ edit, message }) => {
    expect(await errorsWithManifest((manifest) => ({ ...manifest, ...edit }))).toEqual([
      error('MANIFEST_MALFORMED', message, MANIFEST),
    ]);
  });

  test.each(['artifacts', 'partitions', 'warnings'] as const)(
    'with %s without number is malformed, and not every one of them is described',
    async (list) => {
      const edit = { [list]: Array(10_000).fill(0) };
      const [first] = await errorsWithManifest((manifest) => ({ ...manifest, ...edit }));
      expect(first).toEqual(error('MANIFEST_MALFORMED', new RegExp(`^${list}: too big`), MANIFEST));
    },
  );

  test('of a size that none has is not parsed', async () => {
    const padded = Buffer.concat([fileOf(plain, MANIFEST), Buffer.alloc(1024 * 1024, ' ')]);
    expect(await errorsIn(withSums(withFile(plain, MANIFEST, padded)))).toEqual([
      error('MANIFEST_MALFORMED', /^has \d+ bytes; a manifest has at most 1048576/, MANIFEST),
    ]);
  });

  test('that names a file outside the directory is malformed', async () => {
    const errors = await errorsWithManifest(({ artifacts, ...manifest }) => ({
      ...manifest,
      artifacts: artifacts.map((artifact) => ({ ...artifact, file: `../${artifact.file}` })),
    }));
    expect(errors).toContainEqual(error('MANIFEST_MALFORMED', /^artifacts\.0\.file: /, MANIFEST));
  });

  test.each([
    { field: 'version', value: '1.2.4' },
    { field: 'projectName', value: 'other' },
    { field: 'secureVersion', value: 3 },
  ])('with another $field than the app itself says contradicts it', async ({ field, value }) => {
    const errors = await errorsWithManifest((manifest) => ({ ...manifest, [field]: value }));
    const says = new RegExp(`^${field} is '${value}'; the app itself says`);
    expect(errors).toContainEqual(error('MANIFEST_MISMATCH', says, MANIFEST));
  });

  test('for a chip that nobody knows is refused', async () => {
    const errors = await errorsWithManifest((manifest) => ({ ...manifest, chip: 'esp33' }));
    expect(errors).toContainEqual(error('IMAGE_CHIP', /chip 'esp33'/, MANIFEST));
  });

  test('for another chip than the images is refused by each of them', async () => {
    const errors = await errorsWithManifest((manifest) => ({ ...manifest, chip: 'esp32c3' }));
    expect(errors).toEqual(
      expect.arrayContaining([
        error('IMAGE_CHIP', /for ESP32, not for ESP32-C3/, APP, 12),
        error('IMAGE_CHIP', /for ESP32, not for ESP32-C3/, 'bootloader.bin', 12),
      ]),
    );
  });

  test('with a flash size that does not exist is refused', async () => {
    const errors = await errorsWithManifest((manifest) => ({
      ...manifest,
      flash: { ...manifest.flash, size: '5MB' },
    }));
    expect(errors).toContainEqual(error('MANIFEST_MISMATCH', /flash size '5MB'/, MANIFEST));
  });

  test.each(['app', 'partition-table', 'otadata', 'partitions-csv', 'flasher-args', 'flash-args'])(
    'without an artifact %s is refused',
    async (role) => {
      const errors = await errorsWithManifest((manifest) => ({
        ...manifest,
        artifacts: manifest.artifacts.filter((artifact) => artifact.role !== role),
      }));
      expect(errors).toContainEqual(
        error('MANIFEST_MISMATCH', new RegExp(`^lists no ${role}$`), MANIFEST),
      );
    },
  );

  test.each([
    { role: 'app', file: APP },
    { role: 'bootloader', file: 'bootloader.bin' },
    { role: 'otadata', file: 'otadata.bin' },
  ])('that lists $file for another offset is refused', async ({ role, file }) => {
    const errors = await errorsWithManifest((manifest) => ({
      ...manifest,
      artifacts: manifest.artifacts.map((artifact) =>
        artifact.role === role ? { ...artifact, offset: 0x3000 } : artifact,
      ),
    }));
    expect(errors).toContainEqual(error('MANIFEST_MISMATCH', /for another offset than/, file));
  });

  test('with other partitions than the binary table is refused', async () => {
    const errors = await errorsWithManifest(({ partitions, ...manifest }) => ({
      ...manifest,
      partitions: partitions.map((row) => (row.name === 'vfs' ? { ...row, name: 'fs' } : row)),
    }));
    expect(errors).toEqual([
      error('TABLE_MISMATCH', /other partitions than the manifest/, 'partition-table.bin'),
    ]);
  });

  test('that says unsigned beside a signed app, or the other way round, is refused', async () => {
    const stripped = await errorsWithManifest(
      (manifest) => ({ ...manifest, signing: null }),
      signed,
    );
    expect(stripped).toEqual(
      expect.arrayContaining([
        error('SIGNATURE_UNEXPECTED', /is signed, but the manifest says/, APP),
        error('MANIFEST_SIGNATURE', /says that nothing is signed/, MANIFEST_SIGNATURE),
      ]),
    );
    const signing = { scheme: 'rsa3072', keys: [{ digest: 'ab'.repeat(32), role: 'image' }] };
    const claimed = await errorsWithManifest((manifest) => ({ ...manifest, signing }));
    expect(claimed).toEqual(
      expect.arrayContaining([
        error('SIGNATURE_MISSING', /is not signed/, APP),
        error('FILE_MISSING', /says that the release is signed/, MANIFEST_SIGNATURE),
      ]),
    );
  });

  test('that lists another key than the one in the signature block is refused', async () => {
    const signing = { scheme: 'rsa3072', keys: [{ digest: 'ab'.repeat(32), role: 'image' }] };
    const errors = await errorsWithManifest((manifest) => ({ ...manifest, signing }), signed);
    expect(errors).toEqual(
      expect.arrayContaining([
        error('MANIFEST_MISMATCH', /lists keys (ab){32} \(rsa3072\); .* is signed by /, MANIFEST),
        error('MANIFEST_SIGNATURE', /not a signature over manifest\.json/, MANIFEST_SIGNATURE),
      ]),
    );
  });
});

describe('Parts of a release', () => {
  test('with an app that does not fit the slots are refused', async () => {
    const errors = await errorsWithManifest(({ partitions, ...manifest }) => ({
      ...manifest,
      partitions: partitions.map((row) =>
        row.name.startsWith('ota_') ? { ...row, size: 0x8000 } : row,
      ),
    }));
    expect(errors).toContainEqual(error('IMAGE_FIT', /smallest slot has 0x8000/, APP));
  });

  test('with a table of other partitions than the CSV are refused', async () => {
    const rows = OTA_TABLE.map((row) => (row.name === 'vfs' ? { ...row, name: 'fs' } : row));
    const errors = await errorsWithFile('partition-table.bin', (bytes) => {
      encodePartitionTable(rows).copy(bytes);
    });
    expect(errors).toContainEqual(
      error('TABLE_MISMATCH', /other partitions than the binary table/, 'partitions.csv'),
    );
  });

  test('with a CSV that cannot be read are refused', async () => {
    const errors = await errorsWithFile('partitions.csv', (bytes) => bytes.write('nonsense\n'));
    expect(errors).toEqual([error('TABLE_MISMATCH', /than the binary table/, 'partitions.csv')]);
  });

  test('with OTA data that selects a slot are refused', async () => {
    const errors = await errorsWithFile('otadata.bin', (bytes) => bytes.writeUInt32LE(1, 0x1000));
    expect(errors).toContainEqual(
      error('OTADATA_INVALID', /not the OTA data of a new device/, 'otadata.bin', 0x1000),
    );
  });

  test('whose full-flash image differs in one of them are refused, where that begins', async () => {
    const errors = await errorsWithFile(FIRMWARE, (bytes) => bytes.writeUInt8(0, 0x100));
    expect(errors).toEqual([
      error('FLASH_IMAGE_MISMATCH', /does not hold bootloader\.bin at 0x0/, FIRMWARE, 0),
    ]);
  });

  test('whose full-flash image has data between them are refused at that byte', async () => {
    const errors = await errorsWithFile(FIRMWARE, (bytes) => bytes.writeUInt8(0x55, 0x8765));
    expect(errors).toEqual([
      error('FLASH_IMAGE_MISMATCH', /data at 0x8765, between its parts/, FIRMWARE, 0x8765),
    ]);
  });

  test('whose full-flash image goes on behind them are refused', async () => {
    const image = fileOf(plain, FIRMWARE);
    const longer = withFile(plain, FIRMWARE, Buffer.concat([image, Buffer.from('x')]));
    expect(await errorsIn(await repaired(withManifestDigests(longer)))).toEqual([
      error('FLASH_IMAGE_MISMATCH', /its parts end at/, FIRMWARE, image.length),
    ]);
  });

  test.each([
    {
      file: 'flash_args',
      from: '0x10000 ',
      to: '0x20000 ',
      message: /^line 5 is "0x20000 ESP32_GENERIC/,
    },
    { file: 'flash_args', from: 'otadata.bin', to: 'otadata.bim', message: /otadata\.bim/ },
    {
      file: 'flash_args',
      from: '--flash-mode',
      to: '--erase-all --flash-mode',
      message: /^line 1 is "--erase-all/,
    },
    {
      file: 'flash_args',
      from: '0x8000 ',
      to: '0x9000 /etc/hostname\n0x8000 ',
      message: /hostname/,
    },
    { file: 'flasher_args.json', from: '"0x10000": ', to: '"0x20000": ', message: /0x20000/ },
    {
      file: 'flasher_args.json',
      from: '"flash_mode": "dio"',
      to: '"flash_mode": "qio"',
      message: /qio/,
    },
    { file: 'flasher_args.json', from: '"chip": "esp32"', to: '"chip": "esp33"', message: /esp33/ },
    {
      file: 'flasher_args.json',
      from: '"flash_files"',
      to: '"flash_fires"',
      message: /flash_fires/,
    },
    {
      file: 'flasher_args.json',
      from: '"encrypted": "false"',
      to: '"encrypted": "true"',
      message: /encrypted/,
    },
  ])('whose $file says $to are refused', async ({ file, from, to, message }) => {
    const text = fileOf(plain, file).toString();
    expect(text).toContain(from);
    const changed = withFile(plain, file, Buffer.from(text.replace(from, to)));
    expect(await errorsIn(await repaired(withManifestDigests(changed)))).toContainEqual(
      error('FLASH_ARGS_MISMATCH', message, file),
    );
  });

  test.each([
    [
      'another flash size than the bootloader has',
      (manifest: Manifest) => ({ ...manifest, flash: { ...manifest.flash, size: '8MB' } }),
      /says dio, 40m, 8MB of flash; the bootloader's header says dio, 40m, 4MB/,
    ],
    [
      'a full-flash image without its offset',
      (manifest: Manifest) => ({
        ...manifest,
        artifacts: manifest.artifacts.map(({ offset, ...artifact }) =>
          artifact.role === 'firmware' || offset === undefined ? artifact : { ...artifact, offset },
        ),
      }),
      /without the flash offset/,
    ],
    [
      'two files of one role',
      (manifest: Manifest) => ({
        ...manifest,
        artifacts: manifest.artifacts.map((artifact) =>
          artifact.role === 'otadata' ? { ...artifact, role: 'bootloader' } : artifact,
        ),
      }),
      /two files as bootloader/,
    ],
  ])('whose manifest has %s are refused', async (_, edit, message) => {
    const errors = await errorsIn(await repaired(withManifest(plain, edit)));
    expect(errors.map((found) => found.message)).toContainEqual(expect.stringMatching(message));
  });

  test('with another app than the manifest describes are refused', async () => {
    const other = makeApp({ chip: esp32, secureVersion: 9 });
    const changed = withManifestDigests(withFile(plain, APP, other));
    expect(await errorsIn(await repaired(changed))).toEqual(
      expect.arrayContaining([
        error('MANIFEST_MISMATCH', /secureVersion is '2'; the app itself says '9'/, MANIFEST),
        error('FLASH_IMAGE_MISMATCH', /does not hold ESP32_GENERIC-1\.2\.3\.app-bin/, FIRMWARE),
      ]),
    );
  });
});
