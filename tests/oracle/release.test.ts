import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { BOARDS, releaseFiles } from '../support/boards.ts';
import { createWorkspace, realFirmware, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { isMissing, NEEDS_ORACLE, oraclePython, oracleTool, runTool } from '../support/oracle.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const esptool = oracleTool('esptool');
const mpImageTool = oracleTool('mp-image-tool-esp32');
const python = oraclePython();
const unzip = oracleTool('unzip');

const VERSION = '1.2.3';

let work: Workspace;

/** Releases of every board, signed, in out/. */
beforeAll(async () => {
  work = await createWorkspace();
  for (const scheme of ['rsa3072', 'ecdsa256'] as const)
    await work.write(`${scheme}.pem`, privatePem(aPrivateKey(scheme)), 0o600);
  for (const { board, chip } of BOARDS) {
    await work.write(`${board}.bin`, makeRelease({ chip }));
    const scheme = chip.secureBootV2.schemes[0] === 'rsa3072' ? 'rsa3072' : 'ecdsa256';
    const { code, stderr } = await work.runHere([
      ...['--board', board, '--firmware', `${board}.bin`, '--app-version', VERSION],
      ...['--project-name', 'lamp', '--secure-version', '2', '--key', `${scheme}.pem`],
    ]);
    expect({ board, code, stderr }).toEqual({ board, code: 0, stderr });
  }
});

function release(board: string): string {
  return work.path('out', `${board}-${VERSION}`);
}

describe.skipIf(isMissing(esptool))(`releases against esptool (${NEEDS_ORACLE})`, () => {
  test.concurrent.each(BOARDS)(
    'image-info finds the app of $board in order',
    async ({ board, chip }) => {
      const app = `${board}-${VERSION}.app-bin`;
      const { code, output } = await runTool(esptool, ['image-info', app], release(board));
      expect(code, output).toBe(0);
      expect(output).toContain(`Detected image type: ${chip.title}`);
      expect(output).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
      expect(output).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
      expect(output).toContain(`App version: ${VERSION}`);
      expect(output).toContain('Project name: lamp');
      expect(output).toMatch(/Secure version: 2\b/);
      expect(output).toMatch(/0x00000000 {2}0x[0-9a-f]{8} {2}PADDING/);
    },
  );

  test.concurrent.each(BOARDS)(
    'image-info finds the bootloader of $board in order',
    async ({ board, chip }) => {
      const { code, output } = await runTool(
        esptool,
        ['image-info', 'bootloader.bin'],
        release(board),
      );
      expect(code, output).toBe(0);
      expect(output).toContain(`Detected image type: ${chip.title}`);
      expect(output).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
      expect(output).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
      const size = /flash_size": "(\w+)"/.exec(
        await readFile(`${release(board)}/flasher_args.json`, 'utf8'),
      );
      expect(output).toContain(`Flash size: ${size?.[1] ?? '?'}`);
    },
  );

  test.concurrent.each(BOARDS)(
    'merge-bin @flash_args makes our full-flash image of $board',
    async ({ board, chip }) => {
      const merged = work.path(`${board}.merged`);
      const offset = `0x${chip.bootloaderOffset.toString(16)}`;
      const args = ['--chip', chip.name, 'merge-bin', '--target-offset', offset, '-o', merged];
      const { code, output } = await runTool(esptool, [...args, '@flash_args'], release(board));
      expect(code, output).toBe(0);
      const ours = await readFile(`${release(board)}/${board}-${VERSION}.bin`);
      expect((await readFile(merged)).equals(ours)).toBe(true);
    },
  );

  test('agrees on a stamped MicroPython release', async ({ skip }) => {
    const firmware = realFirmware('ESP32_GENERIC-20240602-v1.23.0.bin');
    if (firmware === undefined) return skip('the released image is not in ../shared/firmware');
    const build = ['--board', 'ESP32_GENERIC', '--firmware', firmware, '--app-version', '9.8.7'];
    expect((await work.runHere([...build, '--key', 'rsa3072.pem'])).code).toBe(0);
    const app = work.path('out', 'ESP32_GENERIC-9.8.7', 'ESP32_GENERIC-9.8.7.app-bin');
    const { output } = await runTool(esptool, ['image-info', app], work.directory);
    expect(output).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
    expect(output).toContain('App version: 9.8.7');
    expect(output).toContain('Project name: micropython');
    // Core dumps and the monitor find the ELF file by it: stamping leaves it alone.
    expect(output).toContain('ELF file SHA256: 9c4248e4297d02ec0ebf0578047e6303');
  });
});

describe.skipIf(isMissing(mpImageTool))(
  `releases against mp-image-tool-esp32 (${NEEDS_ORACLE})`,
  () => {
    const READABLE = ['ESP32_GENERIC', 'ESP32_GENERIC_C3', 'ESP32_GENERIC_S2', 'ESP32_GENERIC_S3'];

    test.concurrent.each(READABLE)('reads the table of %s as we wrote it', async (board) => {
      const image = `${board}-${VERSION}.bin`;
      const { code, output } = await runTool(mpImageTool, [image], release(board));
      expect(code, output).toBe(0);
      const rows = [...output.matchAll(/^│ (\w+) +│ (\w+) +│ (\w+) +│ +(0x\w+) +│ +(0x\w+) +│/gm)];
      const csv = await readFile(`${release(board)}/partitions.csv`, 'utf8');
      const ours = csv
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) =>
          line
            .split(',')
            .slice(0, 5)
            .map((cell) => cell.trim()),
        );
      expect(ours.length).toBeGreaterThan(4);
      expect(
        rows.map((row) => [row[1], ...row.slice(2, 4), Number(row[4]), Number(row[5])]),
      ).toEqual(ours.map((row) => [...row.slice(0, 3), bytesOf(row[3]), bytesOf(row[4])]));
    });
  },
);

describe.skipIf(isMissing(unzip, 'unzip'))('the zip against unzip', () => {
  test('is whole', async () => {
    const zip = `ESP32_GENERIC-${VERSION}.zip`;
    const { code, output } = await runTool(unzip, ['-t', zip], release('ESP32_GENERIC'));
    expect(code, output).toBe(0);
    expect(output).toContain('No errors detected');
  });
});

/** `0x9000` or `24K`, as partitions.csv has it. */
function bytesOf(cell = ''): number {
  return cell.endsWith('K') ? Number(cell.slice(0, -1)) * 1024 : Number(cell);
}

const READ_ZIP = `
import hashlib, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
print(json.dumps({
    "broken": archive.testzip(),
    "entries": [{
        "name": entry.filename,
        "mode": oct(entry.external_attr >> 16),
        "sha256": hashlib.sha256(archive.read(entry)).hexdigest(),
    } for entry in archive.infolist()],
}))
`;

describe.skipIf(isMissing(python))(`releases against Python (${NEEDS_ORACLE})`, () => {
  test('zipfile finds in the zip what SHA256SUMS says of the files beside it', async () => {
    const stem = `ESP32_GENERIC-${VERSION}`;
    const directory = release('ESP32_GENERIC');
    const { code, output } = await runTool(python, ['-c', READ_ZIP, `${stem}.zip`], directory);
    expect(code, output).toBe(0);
    const sums = (await readFile(`${directory}/SHA256SUMS`, 'utf8')).trim().split('\n');
    const files = sums
      .map((line) => /^([0-9a-f]{64}) \*(.+)$/.exec(line))
      .map((match) => ({ name: match?.[2], mode: '0o100644', sha256: match?.[1] }))
      .filter(({ name }) => name !== `${stem}.zip`);
    expect(JSON.parse(output)).toEqual({ broken: null, entries: files });
    expect(files).toHaveLength(releaseFiles(stem).length - 2);
  });

  test('hashlib agrees with every digest of the manifest', async () => {
    const script = `
import hashlib, json
manifest = json.load(open("manifest.json"))
for artifact in manifest["artifacts"]:
    data = open(artifact["file"], "rb").read()
    assert len(data) == artifact["size"], artifact
    assert hashlib.sha256(data).hexdigest() == artifact["sha256"], artifact
print(len(manifest["artifacts"]))
`;
    const { code, output } = await runTool(python, ['-c', script], release('ESP32_GENERIC_C5'));
    expect({ code, output }).toEqual({ code: 0, output: '9\n' });
  });
});
