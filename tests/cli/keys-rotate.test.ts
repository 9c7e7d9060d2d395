import { beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPMENT_MARK } from '../../builder/keys/private-key.ts';
import type { CliResult, Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { build, createSigningWorkspace } from '../support/signed-builds.ts';

const BOARD = 'ESP32_GENERIC_C6';
const SCHEME = 'ecdsa256';
const OLD = `${SCHEME}-first.pub.pem`;
const NEW = `${SCHEME}-second.pub.pem`;
const FROM = ['keys', 'rotate', '--from', `out/${BOARD}-1`];

let work: Workspace;

beforeAll(async () => {
  work = await createSigningWorkspace([BOARD], [SCHEME, 'rsa3072']);
  for (const count of [1, 2])
    await build(work, { board: BOARD, scheme: SCHEME, count, version: String(count) });
  const unsigned = ['--board', BOARD, '--firmware', `${BOARD}.bin`, '--app-version', '0'];
  expect((await work.runHere(unsigned)).code).toBe(0);
});

const rotate = (...args: readonly string[]): Promise<CliResult> => work.runHere([...FROM, ...args]);

describe('keys rotate', () => {
  test('plans a release by old and new for signed apps, and changes nothing', async () => {
    const before = await work.listing();
    const args = ['--checks', 'on-update', '--key', OLD, NEW];
    const { code, stdout, stderr } = await rotate(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(
      'Every device that runs one of these releases can verify the next one.',
    );
    expect(stdout).toContain(`1. Sign the next release in this order: --key ${OLD} --key ${NEW}.`);
    expect(await work.listing()).toEqual(before);
  });

  test('refuses the new key in front with exit code 9, in text and as JSON', async () => {
    const args = ['--checks', 'on-update', '--key', NEW, OLD];
    const { code, stdout } = await rotate(...args);
    expect(code).toBe(9);
    expect(stdout).toMatch(/error: devices that run .* trust the key of its first signature block/);
    expect(stdout).toContain(`that key in front: --key ${OLD} --key ${NEW}`);
    const json = JSON.parse((await rotate(...args, '--json')).stdout) as object;
    expect(json).toMatchObject({ ok: false, checks: 'on-update', steps: [] });
  });

  test('proves it with the next release itself, for all releases that devices run', async () => {
    const to = ['--checks', 'secure-boot', '--to', `out/${BOARD}-2`];
    const forward = await rotate(...to);
    expect(forward.code).toBe(0);
    expect(forward.stdout).toMatch(
      new RegExp(`1\\. Publish out/${BOARD}-2, which is signed by [0-9a-f]{64}`),
    );
    expect(forward.stdout).not.toContain('--key');
    const back = ['keys', 'rotate', '--from', `out/${BOARD}-1`, `out/${BOARD}-2`, '--to'];
    const result = await work.runHere([...back, `out/${BOARD}-1`, '--checks', 'secure-boot']);
    expect(result.code).toBe(9);
    expect(result.stdout).toContain(`devices that run out/${BOARD}-2 may have no other digest`);
  });

  test('lets a key take over that is in eFuse', async () => {
    const args = ['--checks', 'secure-boot', '--key', NEW];
    expect((await rotate(...args)).code).toBe(9);
    const { code, stdout } = await rotate(...args, '--burnt', OLD, NEW);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('SECURE_BOOT_KEY_REVOKE0; IRREVERSIBLE');
  });

  test('says when keys/trust.yaml would not count the new key', async () => {
    const digest = (await work.runHere(['keys', 'digest', OLD])).stdout.trim();
    await work.write('keys/trust.yaml', `schema: 1\nkeys:\n  - digest: ${digest}\n`);
    const { stdout } = await rotate('--checks', 'none', '--key', NEW);
    expect(stdout).toMatch(/trust\.yaml does not count ecdsa256-second\.pub\.pem for image/);
    await work.write('keys/trust.yaml', `schema: 1\nkeys:\n  - digest: ${digest}\n`);
  });

  test('warns of a development key among the next ones', async () => {
    const pem = (await work.read(NEW)).toString();
    await work.write('dev.pub.pem', `${DEVELOPMENT_MARK}\n${pem}`);
    const { stderr } = await rotate('--checks', 'on-update', '--key', OLD, 'dev.pub.pem');
    expect(stderr).toMatch(/^warning: dev\.pub\.pem is a development key/);
  });

  test('asks who checks signatures where the release does not tell', async () => {
    const says = { code: 2, says: /does not tell who checks signatures on devices/ };
    await expectRefusal(work, [...FROM, '--key', NEW], says, { here: true });
    const keys = { code: 2, says: /the keys of the next release are missing/ };
    await expectRefusal(work, [...FROM, '--checks', 'none'], keys, { here: true });
  });

  test('takes no release that is unsigned or does not hold', async () => {
    const args = ['--key', NEW, '--checks', 'on-update'];
    const unsigned = ['keys', 'rotate', '--from', `out/${BOARD}-0`, ...args];
    await expectRefusal(work, unsigned, { code: 9, says: /is not signed/ }, { here: true });
    const app = await work.read(`out/${BOARD}-2`, `${BOARD}-2.app-bin`);
    app.writeUInt8(app.readUInt8(0x200) ^ 1, 0x200);
    await work.write(`out/${BOARD}-2/${BOARD}-2.app-bin`, app);
    const broken = ['keys', 'rotate', '--from', `out/${BOARD}-2`, ...args];
    await expectRefusal(
      work,
      broken,
      { code: 9, says: /does not hold, so it proves/ },
      { here: true },
    );
  });

  test('refuses a key of a scheme that devices are not built for', async () => {
    const { code, stdout } = await rotate('--checks', 'none', '--key', 'rsa3072-first.pub.pem');
    expect(code).toBe(9);
    expect(stdout).toContain('are built for ecdsa256 and ignore others');
  });
});

describe('keys digest --efuse', () => {
  test('writes the digests, prints commands that a shell takes, and never changes a digest file', async () => {
    await work.write("a 'key'.pub.pem", await work.read(NEW));
    const args = ['keys', 'digest', OLD, "a 'key'.pub.pem", '--efuse', '--chip', 'ESP32-C6'];
    const { code, stdout, stderr } = await work.runHere(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const digest = (await work.runHere(['keys', 'digest', OLD])).stdout.trim();
    expect((await work.read(`${SCHEME}-first.digest.bin`)).toString('hex')).toBe(digest);
    expect(stdout).toContain('# IRREVERSIBLE');
    expect(stdout).toContain(
      `espefuse --chip esp32c6 burn-key BLOCK_KEY0 ${SCHEME}-first.digest.bin SECURE_BOOT_DIGEST0 BLOCK_KEY1 'a '\\''key'\\''.digest.bin' SECURE_BOOT_DIGEST1\n`,
    );
    expect((await work.runHere(args)).code).toBe(0);
    await work.write(`${SCHEME}-first.digest.bin`, 'something else');
    const says = { code: 8, says: /first\.digest\.bin is there already, and holds something else/ };
    await expectRefusal(work, args, says, { here: true });
  });

  test('needs a chip, and keys that it can hold', async () => {
    const efuse = ['keys', 'digest', OLD, '--efuse'];
    await expectRefusal(work, efuse, { code: 2, says: /needs the chip/ }, { here: true });
    const nope = [...efuse, '--chip', 'esp8266'];
    await expectRefusal(
      work,
      nope,
      { code: 2, says: /there is no chip 'esp8266'/ },
      { here: true },
    );
    const s3 = [...efuse, '--chip', 'esp32s3'];
    await expectRefusal(
      work,
      s3,
      { code: 8, says: /which ESP32-S3 does not verify/ },
      { here: true },
    );
    const twice = ['keys', 'digest', OLD, NEW, '--output', 'x'];
    await expectRefusal(
      work,
      twice,
      { code: 2, says: /takes the digest of one key/ },
      { here: true },
    );
  });
});
