// Speed and memory as ratios measured side by side in one run: absolute times say little about another machine.
// Usage: npm run bench [-- FIRMWARE.bin]. Foreign tools come from OTA_BUILD_ORACLE_PYTHON's directory or PATH.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseEspImage } from '../builder/format/esp-image.ts';
import { measureDriver } from './driver-overhead.ts';
import { measureFetch } from './fetch-cost.ts';
import { makeLargeFlashImage } from './large-image.ts';
import { compare, timed } from './measure.ts';
import { compareSigners, compareSigningPrograms } from './signing.ts';
import { measurePublishing } from './publishing.ts';

const ROUNDS = 9;
// npm runs scripts in the root of the package.
const ROOT = process.cwd();
const MAIN = join(ROOT, 'dist', 'main.js');
const REPORT_MEMORY = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\nmaxrss '+process.resourceUsage().maxRSS+'\\n'))`;

const firmware =
  process.argv[2] ?? join(ROOT, '..', 'shared', 'firmware', 'ESP32_GENERIC-20240602-v1.23.0.bin');
if (!existsSync(firmware))
  throw new Error(`${firmware} does not exist; name a released ESP32_GENERIC image`);
const work = mkdtempSync(join(tmpdir(), 'ota-build-bench-'));
try {
  prepare();
  await compareWithChain();
  await compareStart();
  await compareSigners(work);
  await compareSigningPrograms(signingPrograms());
  measureMemory();
  measurePublishing({ main: MAIN, work, firmware, reportMemory: REPORT_MEMORY }, run);
  measureDriver(MAIN, work);
  measureFetch(MAIN, work, firmware);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function prepare(): void {
  run(process.execPath, [MAIN, 'keys', 'generate', 'key.pem', '--unencrypted']);
  run(process.execPath, [MAIN, ...buildArguments(), '--out', 'parts']);
  const release = join(work, 'parts', 'ESP32_GENERIC-1.2.3');
  for (const part of ['bootloader.bin', 'partition-table.bin', 'otadata.bin']) {
    writeFileSync(join(work, part), readFileSync(join(release, part)));
  }
  // What a person has before signing: the app itself, filled up to a multiple of 4096.
  const signed = readFileSync(join(release, 'ESP32_GENERIC-1.2.3.app-bin'));
  writeFileSync(join(work, 'app.bin'), signed.subarray(0, parseEspImage(signed).length));
}

function buildArguments(): string[] {
  return [
    '--board',
    'ESP32_GENERIC',
    '--key',
    'key.pem',
    '--firmware',
    firmware,
    '--app-version',
    '1.2.3',
    '--quiet',
    '--force',
  ];
}

async function compareWithChain(): Promise<void> {
  const esptool = foreign('esptool');
  const espsecure = foreign('espsecure');
  if (esptool === undefined || espsecure === undefined) {
    console.log(
      'chain of esptool and espsecure: not measured, set OTA_BUILD_ORACLE_PYTHON to a Python that has esptool',
    );
    return;
  }
  const chain: [string, string[]][] = [
    [esptool, ['image-info', 'app.bin']],
    [
      espsecure,
      ['sign-data', '--version', '2', '--keyfile', 'key.pem', '--output', 'signed.bin', 'app.bin'],
    ],
    [espsecure, ['verify-signature', '--version', '2', '--keyfile', 'key.pem', 'signed.bin']],
    [
      esptool,
      [
        '--chip',
        'esp32',
        'merge-bin',
        '-o',
        'merged.bin',
        '0x1000',
        'bootloader.bin',
        '0x8000',
        'partition-table.bin',
        '0xd000',
        'otadata.bin',
        '0x10000',
        'signed.bin',
      ],
    ],
    [
      'python3',
      [
        '-c',
        "import zipfile; z = zipfile.ZipFile('release.zip', 'w'); [z.write(f) for f in ('merged.bin', 'signed.bin', 'bootloader.bin')]; z.close()",
      ],
    ],
  ];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(
      await timed(() => {
        run(process.execPath, [MAIN, ...buildArguments()]);
      }),
    );
    theirs.push(
      await timed(() => {
        for (const [program, args] of chain) run(program, args);
      }),
    );
  }
  compare(
    { name: 'whole line', times: ours },
    { name: 'esptool + espsecure + zip', times: theirs },
    'five times faster: 0.20',
  );
}

/** The same file signed by the same key, as two programs do it; undefined without espsecure. */
function signingPrograms(): Parameters<typeof compareSigningPrograms>[0] {
  const espsecure = foreign('espsecure');
  if (espsecure === undefined) return undefined;
  const key = ['--version', '2', '--keyfile', 'key.pem', '--output', 'theirs.bin', 'app.bin'];
  return {
    ours: () => {
      run(process.execPath, [MAIN, ...'sign app.bin --key key.pem --out ours.bin'.split(' ')]);
    },
    theirs: () => {
      run(espsecure, ['sign-data', ...key]);
    },
  };
}

async function compareStart(): Promise<void> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(
      await timed(() => {
        run(process.execPath, [MAIN, '--version']);
      }),
    );
    bare.push(
      await timed(() => {
        run(process.execPath, ['-e', '0']);
      }),
    );
  }
  compare({ name: '--version', times: ours }, { name: 'node -e 0', times: bare }, 'at most 2');
}

function measureMemory(): void {
  writeFileSync(join(work, 'large.bin'), makeLargeFlashImage());
  mkdirSync(join(work, 'firmware', 'partitions'), { recursive: true });
  const rows = [
    'nvs,data,nvs,,0x4000',
    'otadata,data,ota,,0x2000',
    'phy_init,data,phy,,0x1000',
    'ota_0,app,ota_0,,7M',
    'ota_1,app,ota_1,,7M',
    'vfs,data,fat,,-16M',
  ];
  writeFileSync(join(work, 'firmware', 'partitions', 'large.csv'), `${rows.join('\n')}\n`);
  const args = [
    '--board',
    'ESP32_GENERIC',
    '--key',
    'key.pem',
    '--firmware',
    'large.bin',
    '--layout',
    'large',
    '--flash-size',
    '16MB',
    '--app-version',
    '1',
    '--quiet',
    '--force',
  ];
  const { stderr } = run(process.execPath, ['--import', REPORT_MEMORY, MAIN, ...args]);
  const kilobytes = Number(/maxrss (\d+)/.exec(stderr)?.[1]);
  console.log(
    `peak memory, 16 MiB flash image with an app of 6 MiB: ${(kilobytes / 1024).toFixed(0)} MiB (aim: under 150 MB)`,
  );
}

function run(program: string, args: readonly string[]): SpawnSyncReturns<string> {
  const result = spawnSync(program, args, { cwd: work, encoding: 'utf8' });
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result;
}

function foreign(name: string): string | undefined {
  const python = process.env['OTA_BUILD_ORACLE_PYTHON'];
  const beside = python === undefined ? undefined : join(dirname(python), name);
  if (beside !== undefined && existsSync(beside)) return beside;
  return spawnSync(name, ['version']).status === 0 ? name : undefined;
}
