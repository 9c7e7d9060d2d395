import { generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeApp, makeBootloader, makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const BUILD = ['--board', 'ESP32_GENERIC', '--app-version', '1.2.3'];
const ARGS = [...BUILD, '--firmware', 'firmware.bin'];

const OVERLAPPING = `# Name, Type, SubType, Offset, Size
nvs,     data, nvs,   0x9000,  0x4000
otadata, data, ota,   0xd000,  0x2000
ota_0,   app,  ota_0, 0x10000, 0x100000
ota_1,   app,  ota_1, 0x100000, 0x100000
`;

const BAD_PROFILE = `schema: 1
board: MINE
chip: esp32
flash:
  size: 5MB
partitions:
  layout: ota-4MiB
`;

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
  const encoded = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const files: readonly [string, string | Uint8Array, number?][] = [
    ['firmware.bin', makeRelease({ chip })],
    ['c3.bin', makeRelease({ chip: chipOf('ESP32_GENERIC_C3') })],
    ['big.bin', makeApp({ chip, appSize: 0x1c0000 })],
    ['lowered.bin', makeApp({ chip, secureVersion: 5 })],
    ['moved-table.bin', makeRelease({ chip, tableOffset: 0x10000 })],
    ['bootloader.bin', makeBootloader({ chip })],
    ['page.html', '<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n'],
    ['firmware.bin.gz', gzipSync(makeApp({ chip }))],
    ['program.elf', Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(512, 1)])],
    ['esp8266.bin', esp8266Image()],
    ['empty.bin', ''],
    ['notes.txt', 'these are my notes, not firmware\n'],
    ['overlap.csv', OVERLAPPING],
    ['bad.yaml', BAD_PROFILE],
    ['broken.yaml', 'schema: 1\nboard: [MINE\n'],
    ['keys/rsa2048.pem', privatePem(encoded), 0o600],
    ['keys/rsa3072.pem', privatePem(aPrivateKey('rsa3072')), 0o600],
    ['keys/rsa3072.pub.pem', publicPem(aPrivateKey('rsa3072'))],
    ['keys/ecdsa256.pem', privatePem(aPrivateKey('ecdsa256')), 0o600],
    ['keys/locked.pem', lockedPem(), 0o600],
    ['keys/torn.pem', privatePem(aPrivateKey('rsa3072')).slice(0, 400), 0o600],
    ['a-file', 'not a directory\n'],
  ];
  for (const [name, contents, mode] of files) await work.write(name, contents, mode);
});

function esp8266Image(): Buffer {
  const image = Buffer.alloc(64);
  image.set([0xe9, 1, 0, 0]);
  image.writeUInt32LE(0x40100000, 8);
  image.writeUInt32LE(32, 12);
  return image;
}

function lockedPem(): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  return aPrivateKey('rsa3072').export(options).toString();
}

type Case = {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
  readonly environment?: Readonly<Record<string, string>>;
  /** Run as a process of its own, as a user would: those that the project's contract names. */
  readonly alone?: true;
};

const CALLS: readonly Case[] = [
  {
    what: 'a missing file',
    alone: true,
    args: [...BUILD, '--firmware', 'nope.bin'],
    code: 2,
    says: /nope\.bin does not exist; a firmware image was expected/,
  },
  {
    what: 'a directory in place of a file',
    args: [...BUILD, '--firmware', 'keys'],
    code: 2,
    says: /keys is a directory without flasher_args\.json; a finished ESP-IDF build directory was expected/,
  },
  {
    what: 'an output directory below a file',
    alone: true,
    args: [...ARGS, '--out', 'a-file/out'],
    code: 2,
    says: /a-file\/out cannot be written/,
  },
  {
    what: 'an output directory that is a file',
    args: [...ARGS, '--out', 'a-file'],
    code: 2,
    says: /a-file cannot be written/,
  },
  { what: 'no board', args: ['--firmware', 'firmware.bin'], code: 2, says: /no board was named/ },
  {
    what: 'a variant that is no name',
    args: [...ARGS, '--variant', '../up'],
    code: 2,
    says: /variant '\.\.\/up' is not a name/,
  },
  {
    what: 'a secure version that is no number',
    args: [...ARGS, '--secure-version', '-1'],
    code: 2,
    says: /integer of 0 or more/,
  },
];

const PLANS: readonly Case[] = [
  {
    what: 'an unknown board',
    alone: true,
    args: ['--board', 'ESP32_GENERIC_C9', '--firmware', 'firmware.bin'],
    code: 3,
    says: /no profile for board 'ESP32_GENERIC_C9'; did you mean ESP32_GENERIC_C\d or /,
  },
  {
    what: 'a board in lower case',
    args: ['--board', 'esp32-generic-s3', '--firmware', 'firmware.bin'],
    code: 3,
    says: /did you mean ESP32_GENERIC_S3/,
  },
  {
    what: 'a board that is a path',
    args: ['--board', '../keys/x', '--firmware', 'firmware.bin'],
    code: 3,
    says: /no profile for board/,
  },
  {
    what: 'firmware of another chip',
    alone: true,
    args: ['--board', 'ESP32_GENERIC_S3', '--firmware', 'c3.bin'],
    code: 3,
    says: /c3\.bin is firmware for ESP32-C3, but board ESP32_GENERIC_S3 has an ESP32-S3/,
  },
  {
    what: 'a value that a profile cannot have',
    alone: true,
    args: [...ARGS, '--profile', 'bad.yaml'],
    code: 3,
    says: /bad\.yaml:5:9: flash\.size: expected keep or a flash size.*got "5MB"/,
  },
  {
    what: 'a profile that is not YAML',
    args: [...ARGS, '--profile', 'broken.yaml'],
    code: 3,
    says: /broken\.yaml:\d+:\d+: /,
  },
  {
    what: 'a SOURCE_DATE_EPOCH that is no number',
    args: ARGS,
    code: 3,
    says: /SOURCE_DATE_EPOCH is 'yesterday'; expected seconds since 1970/,
    environment: { SOURCE_DATE_EPOCH: 'yesterday' },
  },
  {
    what: "a secure version beyond the chip's eFuse field",
    args: [...ARGS, '--secure-version', '33'],
    code: 3,
    says: /secure_version 33 is not possible on ESP32: .* 0 to 32/,
  },
  {
    what: 'a secure version that no chip has room for',
    args: [...ARGS, '--secure-version', '4294967295'],
    code: 3,
    says: /secure_version 4294967295 is not possible on ESP32/,
  },
  {
    what: 'a profile that is firmware',
    args: [...ARGS, '--profile', 'firmware.bin'],
    code: 3,
    says: /^error: firmware\.bin:\d+:\d+: .{0,200}\n/,
  },
  {
    what: 'a secure version below the one in the firmware',
    args: [...BUILD, '--firmware', 'lowered.bin', '--secure-version', '4'],
    code: 3,
    says: /secure_version 5; stamping 4 would lower it/,
  },
  {
    what: 'a version that is too long',
    args: [...ARGS, '--app-version', '1'.repeat(32)],
    code: 3,
    says: /has 32 characters; the app description holds 31/,
  },
  {
    what: 'a version that is not ASCII',
    args: [...ARGS, '--app-version', '1.2.3-β'],
    code: 3,
    says: /version '1\.2\.3-β' /,
  },
  {
    what: 'a version that is a path',
    args: [...ARGS, '--app-version', '../1'],
    code: 3,
    says: /version '\.\.\/1' cannot name files/,
  },
  {
    what: 'a project name that is too long',
    args: [...ARGS, '--project-name', 'x'.repeat(32)],
    code: 3,
    says: /project name .* has 32 characters; the app description holds 31/,
  },
  {
    what: 'a project name that is not ASCII',
    args: [...ARGS, '--project-name', 'Prüfstand'],
    code: 3,
    says: /project name 'Prüfstand' .*ASCII/,
  },
  {
    what: 'no firmware, and nothing to compile with',
    args: BUILD,
    code: 4,
    says: /there is no ESP-IDF to compile MicroPython with/,
    environment: { PATH: '/nonexistent', IDF_PATH: '' },
  },
];

const LAYOUTS: readonly Case[] = [
  {
    what: 'an app that is too big for its slot',
    alone: true,
    args: [...BUILD, '--firmware', 'big.bin'],
    code: 7,
    says: /the app needs 0x[0-9a-f]+ bytes: slot 'ota_0' has 0x1c0000, 0x[0-9a-f]+ \(\d+ bytes\) too few; slot 'ota_1'/,
  },
  {
    what: 'an app that is too big once it is signed',
    args: [...BUILD, '--firmware', 'big.bin', '--key', 'keys/rsa3072.pem'],
    code: 7,
    says: /with secure padding and signature: slot 'ota_0'/,
  },
  {
    what: 'rows of a layout that overlap',
    alone: true,
    args: [...ARGS, '--layout', 'overlap.csv'],
    code: 7,
    says: /overlap\.csv:\D*4 and 5\b|overlap\.csv:5: .*line 4/,
  },
  {
    what: 'a layout that does not exist',
    args: [...ARGS, '--layout', 'nope'],
    code: 7,
    says: /there is no layout 'nope'/,
  },
  {
    what: 'a layout for a larger flash',
    args: [...ARGS, '--layout', 'ota-8MiB'],
    code: 7,
    says: /'vfs' ends at 0x800000, but flash has 0x400000 bytes \(4 MiB\): 0x400000 too many/,
  },
  {
    what: 'firmware whose partition table lies elsewhere',
    args: [...BUILD, '--firmware', 'moved-table.bin'],
    code: 7,
    says: /partition table at 0x10000; the profile of ESP32_GENERIC puts it at 0x8000/,
  },
];

const KEYS: readonly Case[] = [
  {
    what: 'an RSA key of 2048 bits',
    alone: true,
    args: [...ARGS, '--key', 'keys/rsa2048.pem'],
    code: 8,
    says: /keys\/rsa2048\.pem.*2048.*3072/,
  },
  {
    what: 'an ECDSA key on a chip without ECDSA',
    alone: true,
    args: [...ARGS, '--key', 'keys/ecdsa256.pem'],
    code: 8,
    says: /keys\/ecdsa256\.pem .*ecdsa256.*ESP32 cannot verify that, it takes rsa3072/,
  },
  {
    what: 'ECDSA asked for on a chip without it',
    args: [...ARGS, '--sign', '--scheme', 'ecdsa256'],
    code: 8,
    says: /--scheme: ESP32 cannot verify ecdsa256; it takes rsa3072/,
  },
  {
    what: 'a public key',
    alone: true,
    args: [...ARGS, '--key', 'keys/rsa3072.pub.pem'],
    code: 8,
    says: /rsa3072\.pub\.pem is a public key; signing needs the private key/,
  },
  {
    what: 'a key behind a passphrase',
    args: [...ARGS, '--key', 'keys/locked.pem'],
    code: 8,
    says: /locked\.pem is guarded by a passphrase/,
  },
  {
    what: 'a key file that is cut off',
    args: [...ARGS, '--key', 'keys/torn.pem'],
    code: 8,
    says: /torn\.pem is not a key in PEM/,
  },
  {
    what: 'a key file that is firmware',
    args: [...ARGS, '--key', 'bootloader.bin'],
    code: 8,
    says: /bootloader\.bin is not a key in PEM/,
  },
  {
    what: 'a key file that is missing',
    args: [...ARGS, '--key', 'keys/nope.pem'],
    code: 8,
    says: /nope\.pem does not exist; a private key was expected/,
  },
  {
    what: 'a key variable that is not set',
    args: [...ARGS, '--key', 'env:NO_SUCH_KEY'],
    code: 8,
    says: /environment variable NO_SUCH_KEY is not set/,
  },
  {
    what: 'more keys than the chip looks at',
    args: [...ARGS, '--key', 'keys/rsa3072.pem', '--key', 'dev'],
    code: 8,
    says: /2 keys were given; ESP32 looks at 1 signature block/,
  },
  {
    what: 'the same key twice',
    args: [
      '--board',
      'ESP32_GENERIC_C3',
      '--firmware',
      'c3.bin',
      '--key',
      'keys/rsa3072.pem',
      '--key',
      'file:keys/rsa3072.pem',
    ],
    code: 8,
    says: /are the same key/,
  },
  {
    what: 'signing in CI without a key',
    alone: true,
    args: [...ARGS, '--sign'],
    code: 8,
    says: /signing was asked for in CI, but no key was named/,
    environment: { CI: 'true' },
  },
];

const FILES: readonly Case[] = (
  [
    {
      what: 'a web page',
      alone: true,
      args: ['page.html'],
      code: 11,
      says: /page\.html is an HTML page/,
    },
    {
      what: 'a gzip file',
      args: ['firmware.bin.gz'],
      code: 11,
      says: /firmware\.bin\.gz is gzip-compressed: unpack it first/,
    },
    { what: 'an ELF file', args: ['program.elf'], code: 11, says: /program\.elf is an ELF file/ },
    {
      what: 'an image for the ESP8266',
      args: ['esp8266.bin'],
      code: 11,
      says: /esp8266\.bin is an image for the ESP8266/,
    },
    { what: 'an empty file', args: ['empty.bin'], code: 11, says: /empty\.bin is empty/ },
    {
      what: 'a text file',
      args: ['notes.txt'],
      code: 11,
      says: /notes\.txt is not ESP32 firmware/,
    },
    { what: 'a bootloader alone', args: ['bootloader.bin'], code: 11, says: /bootloader alone/ },
  ] satisfies Case[]
).map((row: Case) => ({ ...row, args: [...BUILD, '--firmware', ...row.args] }));

describe.each([
  { kind: 'the call', cases: CALLS },
  { kind: 'the plan', cases: PLANS },
  { kind: 'the layout', cases: LAYOUTS },
  { kind: 'keys', cases: KEYS },
  { kind: 'the firmware file', cases: FILES },
])('a build refuses, because of $kind,', ({ cases }) => {
  test.concurrent.each(cases)('$what', async ({ args, code, says, environment = {}, alone }) => {
    const here = alone !== true;
    await expectRefusal(work, args, { code, says }, { environment, here });
  });
});

describe('a build without --app-version', () => {
  test('says what is wrong with the file, not that it has no version', async () => {
    const args = ['--board', 'ESP32_GENERIC', '--firmware'];
    await expectRefusal(work, [...args, 'page.html'], { code: 11, says: /is an HTML page/ });
  });
});
