import { createHash } from 'node:crypto';
import { copyFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { chipOf, releaseFiles } from '../support/boards.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { makeBootloader, makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const STEM = 'ESP32_GENERIC-1.2.3';
const FILES = releaseFiles(STEM);
const RELEASE = `out/${STEM}`;

let work: Workspace;
let trustedDigest: string;
let copies = 0;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('firmware.bin', makeRelease({ chip }));
  await work.write('other.bin', makeRelease({ chip, version: 'v1.24.0', appSize: 0xa000 }));
  for (const name of ['first', 'second']) {
    await work.write(`${name}.pem`, privatePem(aPrivateKey('rsa3072', name)), 0o600);
    await work.write(`${name}.pub.pem`, publicPem(aPrivateKey('rsa3072', name)));
  }
  const build = ['--board', 'ESP32_GENERIC', '--app-version', '1.2.3', '--quiet'];
  const other = ['--firmware', 'other.bin', '--layout', 'ota-8MiB', '--flash-size', '8MB'];
  const made = await Promise.all([
    work.run([...build, '--firmware', 'firmware.bin', '--key', 'first.pem', '--out', 'out']),
    work.run([...build, ...other, '--key', 'first.pem', '--out', 'other']),
    work.run([...build, '--firmware', 'firmware.bin', '--key', 'second.pem', '--out', 'forged']),
    work.run([...build, '--firmware', 'firmware.bin', '--out', 'unsigned']),
  ]);
  expect(made.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    made.map(() => ({ code: 0, stderr: '' })),
  );
  trustedDigest = (await work.runHere(['keys', 'digest', 'first.pub.pem'])).stdout.trim();
});

/** Verifies a copy of the release that `change` has tampered with. */
async function verifyChanged(
  change: (directory: string) => Promise<unknown>,
  ...args: readonly string[]
): Promise<CliResult> {
  const name = `copy-${copies++}`;
  await cp(work.path(RELEASE), work.path(name), { recursive: true });
  await change(work.path(name));
  const result = await work.runHere(['verify', name, ...args]);
  await rm(work.path(name), { recursive: true });
  return result;
}

/** The lines of a report that are errors. */
function errorsIn({ stdout }: CliResult): string {
  return stdout
    .split('\n')
    .filter((line) => line.includes('error:'))
    .join('\n');
}

/** Expects exit code 9 and an error that names the file. */
function expectRefused(result: CliResult, file: string): void {
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 9, stderr: '' });
  expect(errorsIn(result)).toContain(file);
  expect(result.stdout).toContain('does not hold');
}

describe('verify --trust', () => {
  test('accepts a release by the trusted key, and says whose it is', async () => {
    const { code, stdout, stderr } = await work.run([
      'verify',
      RELEASE,
      '--trust',
      'first.pub.pem',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/held against .*first\.pub\.pem/);
    expect(stdout).toContain(trustedDigest);
  });

  test('refuses a release by another key, in text and as JSON', async () => {
    const { code, stdout } = await work.run(['verify', RELEASE, '--trust', 'second.pub.pem']);
    expect(code).toBe(9);
    expect(stdout).toMatch(/error: .*no valid signature is by a trusted key/);

    const json = await work.runHere([
      'verify',
      'forged/' + STEM,
      '--trust',
      'first.pub.pem',
      '--json',
    ]);
    expect(json.code).toBe(9);
    const report = JSON.parse(json.stdout) as {
      ok: boolean;
      checks: { findings: { code: string }[] }[];
    };
    expect(report.ok).toBe(false);
    const codes = report.checks.flatMap(({ findings }) => findings.map(({ code: found }) => found));
    expect(codes).toEqual(expect.arrayContaining(['SIGNATURE_UNTRUSTED', 'MANIFEST_SIGNATURE']));
  });

  test('refuses a release that is not signed at all', async () => {
    const holds = await work.runHere(['verify', `unsigned/${STEM}`]);
    expect(holds.code).toBe(0);
    expect(holds.stdout).toContain('It is not signed');
    const trusted = await work.runHere(['verify', `unsigned/${STEM}`, '--trust', 'first.pub.pem']);
    expect(trusted.code).toBe(9);
    expect(errorsIn(trusted)).toMatch(/not signed/);
  });

  test('reads a trust.yaml, and keys/trust.yaml of the project by itself', async () => {
    const yaml = `schema: 1\nkeys:\n  - digest: ${trustedDigest}\n    comment: release key\n`;
    await work.write('trust.yaml', yaml);
    const accepted = await work.runHere(['verify', RELEASE, '--trust', 'trust.yaml']);
    expect(accepted.code, accepted.stdout).toBe(0);

    const project = await createWorkspace();
    await cp(work.path('forged', STEM), project.path('release'), { recursive: true });
    expect((await project.runHere(['verify', 'release'])).code).toBe(0);
    await project.write('keys/trust.yaml', yaml);
    const refused = await project.runHere(['verify', 'release']);
    expect(refused.code).toBe(9);
    expect(errorsIn(refused)).toContain('no valid signature is by a trusted key');
  });

  test.each([
    {
      file: 'first.pem',
      code: 9,
      says: /first\.pem holds a private key: trust needs the public key only/,
    },
    { file: 'firmware.bin', code: 9, says: /firmware\.bin/ },
    {
      file: 'nope.pem',
      code: 2,
      says: /nope\.pem does not exist; a public key in PEM or a trust\.yaml/,
    },
    { file: 'bad.yaml', code: 9, says: /bad\.yaml:3:13: keys\.0\.digest: expected 64 hex digits/ },
    { file: 'none.yaml', code: 9, says: /none\.yaml:\d+:\d+: keys: expected at least one key/ },
    { file: 'torn.pub.pem', code: 9, says: /torn\.pub\.pem is not a public key/ },
  ])('refuses $file as a trust file', async ({ file, code, says }) => {
    await work.write('bad.yaml', 'schema: 1\nkeys:\n  - digest: abc\n');
    await work.write('none.yaml', 'schema: 1\nkeys: []\n');
    await work.write('torn.pub.pem', publicPem(aPrivateKey('rsa3072', 'first')).slice(0, 200));
    await expectRefusal(work, ['verify', RELEASE, '--trust', file], { code, says }, { here: true });
  });
});

describe('verify of a single file', () => {
  const KINDS = [
    { file: `${STEM}.app-bin`, kind: 'app' },
    { file: `${STEM}.bin`, kind: 'flash-image' },
    { file: 'partition-table.bin', kind: 'partition-table' },
    { file: 'otadata.bin', kind: 'otadata' },
    { file: 'bootloader.bin', kind: 'bootloader' },
  ];

  test.each(KINDS)('tells from its bytes that $file is: $kind', async ({ file, kind }) => {
    const { code, stdout } = await work.runHere(['verify', `${RELEASE}/${file}`, '--json']);
    expect(code, stdout).toBe(0);
    const report = JSON.parse(stdout) as { kind: string; signedBy: string[] };
    expect(report.kind).toBe(kind);
    const isSigned = kind === 'app' || kind === 'flash-image';
    expect(report.signedBy).toEqual(isSigned ? [trustedDigest] : []);
  });

  test.each(KINDS)('refuses a $kind with one byte of its contents changed', async ({ file }) => {
    const bytes = await work.read(RELEASE, file);
    const at = file === 'otadata.bin' ? 0 : 0x60;
    bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at);
    await work.write(`changed/${file}`, bytes);
    const { code, stdout, stderr } = await work.runHere(['verify', `changed/${file}`]);
    expect([9, 11], `${stdout}${stderr}`).toContain(code);
    expect(`${stdout}${stderr}`).toContain(file);
  });

  test('refuses a file that is none of these', async () => {
    await work.write('notes.txt', 'not firmware');
    await expectRefusal(work, ['verify', 'notes.txt'], { code: 11, says: /notes\.txt is not/ });
    await expectRefusal(work, ['verify', 'nope'], { code: 2, says: /nope does not exist/ });
  });

  test('refuses a directory that is no release', async () => {
    await work.write('empty/notes.txt', 'nothing');
    const result = await work.runHere(['verify', 'empty']);
    expect(result.code).toBe(9);
    expect(errorsIn(result)).toContain('manifest.json: is not there: this is not a release');
  });
});

describe('a release', () => {
  test.each(FILES)('without %s is refused', async (file) => {
    expectRefused(await verifyChanged((directory) => rm(join(directory, file))), file);
  });

  test.each(FILES)('whose %s lost its last byte is refused', async (file) => {
    const bytes = await work.read(RELEASE, file);
    const change = (directory: string) => writeFile(join(directory, file), bytes.subarray(0, -1));
    expectRefused(await verifyChanged(change), file);
  });

  test.each(FILES)('whose %s got another byte is refused', async (file) => {
    const bytes = Buffer.concat([await work.read(RELEASE, file), Buffer.from([0xff])]);
    const change = (directory: string) => writeFile(join(directory, file), bytes);
    expectRefused(await verifyChanged(change), file);
  });

  test.each(FILES)('any flipped bit in %s is refused', async (file) => {
    const bytes = await work.read(RELEASE, file);
    const places = [0, 0.13, 0.29, 0.5, 0.71, 0.999].map((part) => Math.floor(part * bytes.length));
    for (const at of places) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8((flipped[at] ?? 0) ^ (1 << (at % 8)), at);
      const change = (directory: string) => writeFile(join(directory, file), flipped);
      const result = await verifyChanged(change);
      expect({ at, code: result.code }).toEqual({ at, code: 9 });
      expectRefused(result, file);
    }
  });

  // Both releases were made with the same key and have the same name; only contents differ.
  const DIFFERING = FILES.filter((file) => !['otadata.bin', 'bootloader.bin'].includes(file));
  test.each(DIFFERING)("with another release's %s is refused", async (file) => {
    const change = (directory: string) =>
      copyFile(work.path('other', STEM, file), join(directory, file));
    expectRefused(await verifyChanged(change), file);
  });

  test.each(['notes.txt', '.hidden', 'ESP32_GENERIC-1.2.2.app-bin'])(
    'with a file more, %s, is refused',
    async (name) => {
      const change = (directory: string) => writeFile(join(directory, name), 'x');
      expectRefused(await verifyChanged(change), name);
    },
  );

  test("with another release's app and a fresh SHA256SUMS is refused", async () => {
    const app = `${STEM}.app-bin`;
    const change = async (directory: string): Promise<void> => {
      await copyFile(work.path('other', STEM, app), join(directory, app));
      await rewriteChecksums(directory);
    };
    const result = await verifyChanged(change);
    expectRefused(result, app);
    expect(result.stdout).toContain('✓ checksums');
  });

  test('whose manifest was edited, with a fresh SHA256SUMS, is refused by its signature', async () => {
    const change = async (directory: string): Promise<void> => {
      const manifest = (await work.read(RELEASE, 'manifest.json')).toString();
      await writeFile(
        join(directory, 'manifest.json'),
        manifest.replace('"micropython"', '"intruder"'),
      );
      await rewriteChecksums(directory);
    };
    expectRefused(await verifyChanged(change), 'manifest.json.sig');
  });

  test('by another key holds by itself, and is refused where trust is said', async () => {
    const forged = await work.runHere(['verify', `forged/${STEM}`]);
    expect(forged.code).toBe(0);
    expect(forged.stdout).toMatch(/No trust file was given .* not who signed/);
    const change = async (directory: string): Promise<void> => {
      for (const name of await readdir(work.path('forged', STEM)))
        await copyFile(work.path('forged', STEM, name), join(directory, name));
    };
    expectRefused(await verifyChanged(change, '--trust', 'first.pub.pem'), `${STEM}.app-bin`);
  });

  test('whose bootloader is for another chip is refused', async () => {
    const change = (directory: string) =>
      writeFile(
        join(directory, 'bootloader.bin'),
        makeBootloader({ chip: chipOf('ESP32_GENERIC_C3') }),
      );
    const result = await verifyChanged(change);
    expectRefused(result, 'bootloader.bin');
    expect(errorsIn(result)).toContain('is for ESP32-C3, not for ESP32');
  });
});

async function rewriteChecksums(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== 'SHA256SUMS').sort();
  const lines = await Promise.all(
    names.map(async (name) => {
      const digest = createHash('sha256').update(await readFile(join(directory, name)));
      return `${digest.digest('hex')} *${name}\n`;
    }),
  );
  await writeFile(join(directory, 'SHA256SUMS'), lines.join(''));
}
