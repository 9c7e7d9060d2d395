import { execFileSync, spawnSync } from 'node:child_process';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  constants,
  type KeyObject,
} from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyDigestOfPublicKey } from '../builder/format/signature-key.ts';
import type { Manifest } from '../builder/manifest/manifest.ts';
import { formatIndexSignatures } from '../builder/release-index/index-signatures.ts';
import { formatReleaseIndex, withEntry } from '../builder/release-index/release-index.ts';

const BOARDS = 50;
const ROUNDS = 3;
const BOARD = 'ESP32_GENERIC';
const REPORT_MEMORY = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\nmaxrss '+process.resourceUsage().maxRSS+'\\n'))`;

/**
 * Fetches fifty releases of a published tree in one process, and holds it against `cp` and `sha256sum` of the same files, and
 * against `verify` of what arrived: both have to be done. Then the memory of one fetch, of a small and of a large release.
 */
export function measureFetch(main: string, work: string, firmware: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  writeFileSync(join(work, 'fetch.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  const build = ['--board', BOARD, '--firmware', firmware, '--key', 'fetch.pem', '--quiet'];
  run(main, work, [...build, '--app-version', '1.2.3', '--out', 'published']);
  const release = join(work, 'published', `${BOARD}-1.2.3`);
  publish(join(work, 'tree'), release, privateKey);
  const fetched: number[] = [];
  const chained: number[] = [];
  const bytes = sizeOf(release);
  const memory: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rmSync(join(work, 'fetched'), { recursive: true, force: true });
    fetched.push(
      timed(() => {
        for (let each = 0; each < BOARDS; each++)
          memory.push(fetchOnce(main, work, `fetched/${each}`));
      }),
    );
    chained.push(
      timed(() => {
        for (let each = 0; each < BOARDS; each++)
          copyAndVerify(main, work, release, `copied/${each}`);
      }),
    );
    rmSync(join(work, 'copied'), { recursive: true, force: true });
  }
  const ratios = fetched
    .map((time, index) => time / (chained[index] ?? Number.NaN))
    .sort((a, b) => a - b);
  console.log(
    `fetch of ${BOARDS} releases of ${(bytes / 2 ** 20).toFixed(1)} MiB: ${(Math.min(...fetched) / BOARDS).toFixed(0)} ms each; ` +
      `cp, sha256sum, sync and verify of the same: ${(Math.min(...chained) / BOARDS).toFixed(0)} ms; ratio ${ratios[1]?.toFixed(2)} (aim: at most 1.3)`,
  );
  const [first = 0, last = 0] = [memory[0], memory.at(-1)];
  console.log(
    `peak memory of a fetch: ${Math.round(Math.max(...memory) / 1024)} MiB; the first ${Math.round(first / 1024)} MiB, the last ${Math.round(last / 1024)} MiB`,
  );
}

function publish(tree: string, release: string, key: KeyObject): void {
  const manifest = JSON.parse(readFileSync(join(release, 'manifest.json'), 'utf8')) as Manifest;
  const target = join(tree, manifest.board);
  mkdirSync(target, { recursive: true });
  cpSync(release, join(target, manifest.version), { recursive: true });
  const files = readdirSync(release).map((file) => {
    const contents = readFileSync(join(release, file));
    const sha256 = createHash('sha256').update(contents).digest('hex');
    return { file, size: contents.length, sha256 };
  });
  const digest = keyDigestOfPublicKey(key).toString('hex');
  const index = formatReleaseIndex(
    withEntry(undefined, manifest, {
      version: manifest.version,
      channel: 'stable',
      publishedAt: '2026-03-01T00:00:00Z',
      secureVersion: manifest.secureVersion,
      sourceKind: manifest.source.kind,
      development: false,
      keys: [digest],
      files,
    }),
  );
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const signature = sign('sha256', index, { key, padding, saltLength: 32 });
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  writeFileSync(
    join(target, 'index.json.sig'),
    formatIndexSignatures([{ key: digest, publicKey, signature }]),
  );
  writeFileSync(join(target, 'index.json'), index);
  writeFileSync(join(tree, 'key.pub.pem'), publicKey);
}

/** Peak memory in KiB. */
function fetchOnce(main: string, work: string, out: string): number {
  const args = ['fetch', 'tree', '--board', BOARD, '--trust', 'tree/key.pub.pem', '--quiet'];
  const stderr = run(main, work, [...args, '--out', out]);
  return Number(/maxrss (\d+)/.exec(stderr)?.[1]);
}

function copyAndVerify(main: string, work: string, release: string, out: string): void {
  mkdirSync(join(work, out), { recursive: true });
  const script = 'cp -r "$1" "$2" && cd "$2"/* && sha256sum --quiet -c SHA256SUMS && sync -f .';
  execFileSync('sh', ['-c', script, 'sh', release, join(work, out)]);
  run(main, work, ['verify', join(out, `${BOARD}-1.2.3`), '--trust', 'tree/key.pub.pem']);
}

function run(main: string, work: string, args: readonly string[]): string {
  const environment = { ...process.env, XDG_STATE_HOME: join(work, 'state') };
  const result = spawnSync(process.execPath, ['--import', REPORT_MEMORY, main, ...args], {
    cwd: work,
    encoding: 'utf8',
    env: environment,
  });
  if (result.status !== 0)
    throw new Error(`${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result.stderr;
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce(
    (sum, name) => sum + readFileSync(join(directory, name)).length,
    0,
  );
}

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}
