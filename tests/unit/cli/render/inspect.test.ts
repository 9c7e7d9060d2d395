import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../../builder/chip/esp32c3.ts';
import { renderInspection } from '../../../../builder/cli/render/inspect.ts';
import { resealEspImage, securePadEspImage } from '../../../../builder/format/esp-image.ts';
import { createInitialOtadata, encodeOtadata } from '../../../../builder/format/otadata.ts';
import { encodePartitionTable } from '../../../../builder/format/partition-table.ts';
import { encodeSignatureSector } from '../../../../builder/format/signature-sector.ts';
import { inspectBytes } from '../../../../builder/inspect/inspect-path.ts';
import { keyDigestOfPublicKey } from '../../../../builder/format/signature-key.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../../../support/firmware.ts';
import { dumpWith } from '../../../support/flash.ts';
import { A_HEADER, anImage } from '../../../support/images.ts';
import { anOutput } from '../../../support/output.ts';
import { aPartition, OTA_TABLE } from '../../../support/plans.ts';
import { aPrivateKey, aSignedBlock } from '../../../support/signature-blocks.ts';

const report = (bytes: Buffer, width = 100): string =>
  renderInspection(inspectBytes(bytes, 'a.bin'), anOutput({ width }));

/** The value beside a label, with what it goes on to on the next lines. */
function fact(text: string, label: string): string | undefined {
  const lines = text.split('\n');
  const start = lines.findIndex(
    (line) => line.slice(2, 16).trim() === label && line.startsWith('  '),
  );
  if (start === -1) return undefined;
  const more = lines.slice(start + 1).findIndex((line) => !line.startsWith(' '.repeat(16)));
  return lines
    .slice(start, start + 1 + Math.max(0, more))
    .map((line) => line.slice(16))
    .join(' ');
}

describe('The report about an app', () => {
  const app = makeApp({ chip: esp32, secureVersion: 3 });
  const text = report(app);

  test('starts with the name and with what it is', () => {
    expect(text.split('\n').slice(0, 3)).toEqual([
      'a.bin',
      `app image, 36.1 KiB (${app.length} bytes)`,
      '',
    ]);
  });

  test.each([
    ['MicroPython', "v1.23.0 of 2024-06-02 for 'Generic test module' with ESP32"],
    ['version', '(empty)'],
    ['project', '(empty)'],
    ['compiled', 'Jun  2 2024, 06:51:35'],
    ['ESP-IDF', 'v5.0.4'],
    ['anti-rollback', 'secure_version 3'],
    ['ELF SHA-256', '5a'.repeat(32)],
    ['eFuse blocks', 'any revision'],
    ['MMU page', '(not said)'],
    ['chip', 'ESP32, any revision'],
    ['flash', 'dio, 40m, 4MB'],
    ['entry point', '0x3ffae400'],
    ['length', `36.1 KiB (${app.length} bytes)`],
    ['signature', 'none'],
  ])('tells %s', (label, value) => {
    expect(fact(text, label)).toBe(value);
  });

  test('tells that checksum and SHA-256 are valid', () => {
    expect(fact(text, 'checksum')).toMatch(/^valid, 0x[0-9a-f]{2}$/);
    expect(fact(text, 'SHA-256')).toMatch(/^valid, [0-9a-f]{64}$/);
  });

  test('lists its segments', () => {
    const at = text.split('\n').findIndex((line) => line.includes('load address'));
    const [head, first, second] = text.split('\n').slice(at);
    expect(head).toMatch(/# +load address +length +offset +memory$/);
    expect(first).toMatch(/^ {2}0 {2}0x3f400020 +\d+ B +0x[0-9a-f]+ +0x000020 {2}DROM, mapped$/);
    expect(second).toMatch(/^ {2}1 {2}0x3ffae400 .* DRAM$/);
  });

  test('tells what is damaged', () => {
    const damaged = makeApp({ chip: esp32 });
    damaged.writeUInt8(damaged.readUInt8(0x1000) ^ 1, 0x1000);
    expect(fact(report(damaged), 'checksum')).toMatch(
      /^invalid: it is 0x.. but the contents make 0x..$/,
    );
    expect(fact(report(damaged, 80), 'SHA-256')).toMatch(
      /^invalid: it is [0-9a-f]{64} but the contents make [0-9a-f]{64}$/,
    );
  });

  test('tells where it is cut off', () => {
    const cut = report(makeApp({ chip: esp32 }).subarray(0, 0x2000));
    expect(fact(cut, 'damaged')).toMatch(/truncated: segment 1/);
    expect(cut).not.toContain('load address');
  });

  test('tells its signature, and whether it is padded', () => {
    const contents = securePadEspImage(makeApp({ chip: esp32 }), 0x10000);
    const signed = report(
      Buffer.concat([contents, encodeSignatureSector([aSignedBlock('rsa3072', contents)])]),
    );
    expect(fact(signed, 'signature')).toBe('Secure Boot V2 at 0x10000, 1 block');
    expect(fact(signed, 'block 0')).toBe('rsa3072, signature valid, image digest matches');
    expect(fact(signed, 'key')).toBe(keyDigestOfPublicKey(aPrivateKey('rsa3072')).toString('hex'));
    expect(fact(signed, 'padding')).toMatch(/^secure-padded/);
    expect(signed).toContain('padding, not loaded');
  });

  test('tells signatures that do not hold, and padding that is missing', () => {
    const image = makeApp({ chip: esp32c3 });
    const contents = Buffer.concat([image, Buffer.alloc(0x1000 - (image.length % 0x1000), 0xff)]);
    const blocks = [
      aSignedBlock('rsa3072', Buffer.from('other')),
      aSignedBlock('ecdsa256', contents),
    ];
    const text = report(Buffer.concat([contents, encodeSignatureSector(blocks)]));
    expect(fact(text, 'signature')).toMatch(/2 blocks$/);
    expect(fact(text, 'block 0')).toBe(
      'rsa3072, signature invalid, image digest is of other contents',
    );
    expect(fact(text, 'remark')).toMatch(/ESP32-C3 verifies rsa3072 only/);
    expect(fact(text, 'padding')).toMatch(/^not secure-padded/);
  });

  test.each([
    ['unknown data', Buffer.from('x'), /^none, but unknown data from 0x9050 on$/],
    [
      'a V1 signature',
      Buffer.concat([Buffer.alloc(4), Buffer.alloc(64, 1)]),
      /^Secure Boot V1 at 0x9050/,
    ],
    [
      'a signature sector in the wrong place',
      Buffer.concat([
        Buffer.alloc(0x2000 - 0x50, 0xff),
        encodeSignatureSector([aSignedBlock('rsa3072')]),
      ]),
      /^a signature sector at 0xb000, but chips look for it at 0xa000 only$/,
    ],
  ])('tells %s behind it', (_, behind, expected) => {
    const text = report(Buffer.concat([makeApp({ chip: esp32 }), behind]));
    expect(fact(text, 'signature')).toMatch(expected);
  });

  test('tells a signature that it cannot look at', () => {
    const contents = securePadEspImage(makeApp({ chip: { ...esp32, chipId: 28 } }), 0x10000);
    const bytes = Buffer.concat([contents, encodeSignatureSector([aSignedBlock('rsa3072')])]);
    expect(fact(report(bytes), 'signature')).toMatch(/not looked at: the chip is not known$/);
  });

  test('shows texts from the file without the escape sequences in them', () => {
    const text = report(makeApp({ chip: esp32, board: '\u001b[2Jevil' }));
    expect(fact(text, 'MicroPython')).toContain("for '\\x1b[2Jevil'");
    expect(text).toBe(stripVTControlCharacters(text));
  });
});

describe('The report about an image header', () => {
  test.each([
    [{}, 'ESP32-C3, revisions v3.1 to v3.99'],
    [{ maxChipRevisionFull: 0 }, 'ESP32-C3, revision v3.1 or later'],
    [
      { maxChipRevisionFull: 0, minChipRevisionFull: 0 },
      'ESP32-C3, revision v0.3 or later by the older field',
    ],
    [
      { maxChipRevisionFull: 0, minChipRevisionFull: 0, minChipRevision: 0 },
      'ESP32-C3, any revision',
    ],
  ])('tells revisions of %j', (header, expected) => {
    expect(fact(report(anImage([64], header)), 'chip')).toBe(expected);
  });

  test('tells pins where they are not as usual', () => {
    expect(fact(report(anImage([64])), 'flash pins')).toBe(
      'write protect off, drive strengths 010203',
    );
    const pin = report(anImage([64], { wpPin: 7 }));
    expect(fact(pin, 'flash pins')).toBe('write protect on pin 7, drive strengths 010203');
    const usual = report(anImage([64], { spiPinDrive: Buffer.alloc(3) }));
    expect(fact(usual, 'flash pins')).toBeUndefined();
  });

  test('tells that no SHA-256 is appended', () => {
    const text = report(anImage([64], { ...A_HEADER, hashAppended: false }));
    expect(fact(text, 'SHA-256')).toBe('none appended');
  });
});

describe('The report about a bootloader', () => {
  test('tells that it has no description', () => {
    const text = report(makeBootloader({ chip: esp32 }));
    expect(text).toMatch(/^a\.bin\nbootloader image, /);
    expect(fact(text, 'description')).toMatch(/^none/);
  });

  test('tells its description', () => {
    const bytes = makeBootloader({ chip: esp32 });
    bytes.fill(0, 32, 32 + 80);
    bytes.writeUInt8(0x50, 32);
    bytes.writeUInt32LE(1, 32 + 4);
    bytes.write('v5.5.1', 32 + 8, 'latin1');
    bytes.write('Aug 10 2026 19:40:37', 32 + 40, 'latin1');
    const text = report(resealEspImage(bytes));
    expect(fact(text, 'ESP-IDF')).toBe('v5.5.1');
    expect(fact(text, 'compiled')).toBe('Aug 10 2026 19:40:37');
    expect(fact(text, 'version')).toBe('1, secure_version 0');
  });
});

describe('The report about a full-flash image', () => {
  test('says where it belongs and what boots before it goes into detail', () => {
    const lines = report(makeRelease({ chip: esp32 })).split('\n');
    expect(lines[1]).toMatch(
      /^full-flash image for ESP32, .*its first byte belongs at flash offset 0x1000$/,
    );
    expect(lines[3]).toBe(
      "Boots 'factory': there is no otadata partition, so factory comes first.",
    );
  });

  test('has its sections in the order in which they are asked for', () => {
    const otadata = encodeOtadata([{ sequence: 1, state: 'VALID' }, undefined]);
    const app = makeApp({ chip: esp32 });
    const text = report(
      dumpWith(esp32, OTA_TABLE, { 0xd000: otadata, 0x10000: app, 0x1d0000: app }),
    );
    const titles = text
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line) && !line.startsWith('Boots'));
    expect(titles).toEqual([
      'Flash map',
      "App in 'ota_0'  at 0x10000, 1.75 MiB",
      "App in 'ota_1'  at 0x1d0000, 1.75 MiB",
      'OTA data',
      'Bootloader  at 0x1000',
      'Partition table  at 0x8000',
    ]);
    expect(text).toMatch(/0x010000 .* ota_0 +app\/ota_0 .*% {2}boots$/m);
  });

  test('warns of a bootloader without rollback', () => {
    const text = report(makeMerged({ chip: esp32, version: 'v1.20.0' }));
    expect(text).toMatch(/^warning: MicroPython v1\.20\.0 was released with a bootloader/m);
  });

  test('tells what is wrong with its table, and that nothing boots', () => {
    const overlap = [...OTA_TABLE, aPartition({ name: 'twice', offset: 0xa000 })];
    const bytes = dumpWith(esp32, overlap, { 0xe000: Buffer.from('data') });
    Buffer.from('signature').copy(bytes, 0x8c00);
    const text = report(bytes);
    expect(text).toMatch(/^Boots nothing: otadata is not in this file/m);
    expect(fact(text, 'MD5')).toBe('valid');
    expect(text).toMatch(/remark +there is data behind the table/);
    expect(text).toMatch(/'twice' starts at 0xa000, inside 'nvs'/);
    bytes.writeUInt8(1, 0x8000 + 4);
    expect(fact(report(bytes), 'damaged')).toMatch(/MD5/);
    expect(fact(report(bytes), 'MD5')).toBe('not known');
  });
});

describe('The report about a partition table', () => {
  test('draws the map, and says that the place of the table is assumed', () => {
    const text = report(encodePartitionTable(OTA_TABLE));
    expect(text).toMatch(/^partition table with 6 partitions, 3 KiB \(3072 bytes\)$/m);
    expect(text).toContain('Flash map  with the table at 0x8000, which is assumed');
    expect(text).toMatch(/0x010000 {2}0x1d0000 {2}1\.75 MiB {2}0x1c0000 {2}ota_0 +app\/ota_0$/m);
  });
});

describe('The report about OTA data', () => {
  test('tells a new device', () => {
    const text = report(createInitialOtadata());
    expect(text).toMatch(/^ {2}0 +erased$/m);
    expect(fact(text, 'selects')).toMatch(
      /^nothing \(neither sector .*\): factory boots, or without it/,
    );
  });

  test('tells an update on trial, with rollback and without', () => {
    const bytes = encodeOtadata([
      { sequence: 1, state: 'VALID' },
      { sequence: 2, state: 'NEW' },
    ]);
    bytes.writeUInt32LE(1, 0x1000 + 24);
    const text = report(bytes);
    expect(text).toMatch(/^ {2}0 +1 +VALID +0x4743989a +0 +usable$/m);
    expect(text).toMatch(/^ {2}1 +2 +PENDING_VERIFY +0x55f63774 +1 +usable$/m);
    expect(fact(text, 'with rollback')).toMatch(/^slot 0, as sector 1 was on trial/);
    expect(fact(text, 'without')).toMatch(/^slot 1, as sector 1 has the higher sequence/);
  });

  test('tells what is odd or damaged', () => {
    const bytes = encodeOtadata([{ sequence: 1, state: 'INVALID' }, undefined]);
    bytes.writeUInt8(0, 0x800);
    bytes.writeUInt32LE(0, 0x1000);
    bytes.writeUInt32LE(9, 0x1000 + 24);
    bytes.writeUInt32LE(5, 0x1000 + 28);
    const text = report(bytes);
    expect(text).toMatch(/INVALID +0x4743989a +0 +given up$/m);
    expect(text).toMatch(/ 0 +0x9 +0x00000005 \(wrong\) +1 +damaged$/m);
    expect(text).toMatch(/remark +sector 0: there is data behind the entry/);
    expect(text).toMatch(/remark +sector 1: sequence 0 selects its slot by an underflow/);
  });
});

describe('The report about a signature sector', () => {
  test('tells its blocks with their digests', () => {
    const block = aSignedBlock('ecdsa256');
    const sector = encodeSignatureSector([block, aSignedBlock('rsa3072')]);
    sector.writeUInt8(sector.readUInt8(1216 + 808) ^ 1, 1216 + 808);
    sector.writeUInt8(0, 4000);
    const text = report(sector, 80);
    expect(fact(text, 'block 0')).toBe('ecdsa256');
    expect(fact(text, 'key')).toBe(keyDigestOfPublicKey(aPrivateKey('ecdsa256')).toString('hex'));
    expect(fact(text, 'image')).toBe(block.imageDigest.toString('hex'));
    expect(fact(text, 'block 1')).toMatch(/^damaged: .*CRC-32/);
    expect(fact(text, 'block 2')).toBe('empty');
    expect(fact(text, 'remark')).toMatch(/^there is data behind the blocks/);
  });
});

test('Colours are all that a terminal adds', () => {
  const inspection = inspectBytes(makeRelease({ chip: esp32, version: 'v1.20.0' }), 'a.bin');
  const coloured = renderInspection(inspection, anOutput({ colour: true }));
  expect(coloured).toContain('\u001b[1ma.bin\u001b[22m');
  expect(coloured).toContain('\u001b[32mvalid\u001b[39m');
  const bare = stripVTControlCharacters(coloured).split('\n');
  const plain = renderInspection(inspection, anOutput());
  expect(bare.map((line) => line.trimEnd()).join('\n')).toBe(plain);
});
