import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';

const KEY = createHash('sha512').update('a key for tests').digest();

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('plain.bin', Buffer.alloc(0x1230, 'flash encryption '));
  await work.write('k32', KEY.subarray(0, 32), 0o600);
  await work.write('k64', KEY, 0o600);
  await work.write('k16', KEY.subarray(0, 16), 0o600);
});

type Call = readonly [
  verb: 'encrypt-flash-data' | 'decrypt-flash-data',
  input: string,
  out: string,
];

const run = ([verb, input, out]: Call, ...args: readonly string[]): Promise<CliResult> =>
  work.runHere([verb, input, '--out', out, ...args]);

describe('flash encryption', () => {
  test.each([
    ['esp32', 'k32', 'AES-256, ESP32'],
    ['esp32s3', 'k32', 'XTS-AES-128'],
    ['esp32s3', 'k64', 'XTS-AES-256'],
    ['esp32c2', 'k16', 'XTS-AES-128'],
  ])('encrypts and decrypts for %s with %s', async (chip, key, algorithm) => {
    const options = ['--chip', chip, '--key', key, '--address', '0x10000'];
    const { code, stdout, stderr } = await run(
      ['encrypt-flash-data', 'plain.bin', 'e.bin'],
      ...options,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`at 0x10000, ${algorithm}, 0x1230 bytes`);
    expect((await work.read('e.bin')).equals(await work.read('plain.bin'))).toBe(false);
    const back = await run(['decrypt-flash-data', 'e.bin', 'd.bin'], ...options, '--json');
    expect(JSON.parse(back.stdout)).toMatchObject({
      ok: true,
      chip,
      address: 0x10000,
      size: 0x1230,
    });
    expect((await work.read('d.bin')).equals(await work.read('plain.bin'))).toBe(true);
  });

  test('takes FLASH_CRYPT_CONFIG of an ESP32, and of no other chip', async () => {
    const esp32Options = ['--chip', 'esp32', '--key', 'k32', '--address', '0x10000'];
    const files = await Promise.all(
      ['0', '3', '0xf'].map(async (config) => {
        await run(
          ['encrypt-flash-data', 'plain.bin', `c${config}`],
          ...esp32Options,
          '--flash-crypt-conf',
          config,
        );
        return (await work.read(`c${config}`)).toString('hex');
      }),
    );
    expect(new Set(files).size).toBe(3);
    const s3 = ['--chip', 'esp32s3', '--key', 'k32', '--address', '0', '--flash-crypt-conf', '3'];
    await refuse(s3, 2, /ESP32-S3 has no FLASH_CRYPT_CONFIG/);
    await refuse([...esp32Options, '--flash-crypt-conf', '16'], 2, /expected 0 to 15/);
  });

  test('warns of a key that others can read', async () => {
    await work.write('open', KEY.subarray(0, 32), 0o644);
    const options = ['--chip', 'esp32s3', '--key', 'open', '--address', '0'];
    const { code, stderr } = await run(['encrypt-flash-data', 'plain.bin', 'e.bin'], ...options);
    expect(code).toBe(0);
    expect(stderr).toContain('warning: open can be read by others (mode 644)');
  });

  const refuse = (options: readonly string[], code: number, says: RegExp, input = 'plain.bin') =>
    expectRefusal(
      work,
      ['encrypt-flash-data', input, '--out', 'never.bin', ...options],
      { code, says },
      { here: true },
    );
  const options = (chip: string, key: string, address = '0x10000'): string[] => [
    ...['--chip', chip, '--key', key, '--address', address],
  ];

  test('is refused with a key that is none for the chip', async () => {
    await refuse(
      options('esp32c3', 'k64'),
      8,
      /k64 has 64 bytes; a flash encryption key of ESP32-C3 has 32$/m,
    );
    await refuse(options('esp32', 'k16'), 8, /k16 has 16 bytes; .* of ESP32 has 32 or 24/);
    await refuse(options('esp32s3', 'k16'), 8, /k16 has 16 bytes; .* of ESP32-S3 has 32 or 64/);
    await work.write(
      'key.pem',
      '-----BEGIN PRIVATE KEY-----\nabcd\n-----END PRIVATE KEY-----\n',
      0o600,
    );
    await refuse(
      options('esp32s3', 'key.pem'),
      8,
      /key\.pem is PEM text; .* is 32 or 64 raw bytes/,
    );
    await work.write('same', Buffer.alloc(32, 7), 0o600);
    await refuse(
      options('esp32s3', 'same'),
      11,
      /two halves of the flash encryption key are the same/,
    );
    await refuse(options('esp32s3', 'missing'), 2, /missing does not exist/);
  });

  test('is refused where flash cannot be encrypted', async () => {
    await refuse(
      options('esp32s3', 'k32', '0x10008'),
      2,
      /address 0x10008 is not a multiple of 16/,
    );
    await refuse(options('esp32s3', 'k32', 'here'), 2, /expected a number such as/);
    await work.write('odd.bin', Buffer.alloc(33));
    await refuse(
      options('esp32s3', 'k32'),
      11,
      /odd\.bin has 33 bytes.*\nhint: Fill .* 48 bytes/,
      'odd.bin',
    );
    await work.write('empty.bin', '');
    await refuse(options('esp32s3', 'k32'), 11, /empty\.bin is empty/, 'empty.bin');
    await work.write('app.bin', makeApp({ chip: esp32 }));
    await refuse(
      options('esp32s3', 'k32'),
      2,
      /app\.bin is an image for ESP32, not for/,
      'app.bin',
    );
  });

  test('never writes over what it reads', async () => {
    for (const file of ['plain.bin', 'k32']) {
      const args = ['encrypt-flash-data', 'plain.bin', '--out', file, ...options('esp32s3', 'k32')];
      const says = new RegExp(`${file} is ${file} itself, which is read and was kept`);
      await expectRefusal(work, args, { code: 2, says }, { here: true });
    }
  });
});
