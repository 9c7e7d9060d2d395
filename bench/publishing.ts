import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BOARDS = 50;
const ROUNDS = 3;

/** A way to run a program that fails loudly; stderr comes back. */
type Run = (program: string, args: readonly string[]) => { readonly stderr: string };

/**
 * Publishes a release of 50 boards into a directory, and prints the time against that of copying and hashing the same bytes,
 * with and without the verification that comes first, and the peak of memory against that of a release of one board.
 */
export function measurePublishing(
  {
    main,
    work,
    firmware,
    reportMemory,
  }: {
    readonly main: string;
    readonly work: string;
    readonly firmware: string;
    readonly reportMemory: string;
  },
  run: Run,
): void {
  const releases = makeReleases({ main, work, firmware }, run);
  const publish = (names: readonly string[], ...more: readonly string[]): number => {
    rmSync(join(work, 'published'), { recursive: true, force: true });
    const args = ['publish', ...names, '--to', 'dir:published', '--key', 'key.pem', ...more];
    const { stderr } = run(process.execPath, ['--import', reportMemory, main, ...args]);
    return Number(/maxrss (\d+)/.exec(stderr)?.[1]) / 1024;
  };
  const one = publish(releases.slice(0, 1), '--quiet');
  const times: { readonly ours: number; readonly checks: number; readonly bytes: number }[] = [];
  let all = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const ours = timed(() => (all = publish(releases, '--quiet')));
    const bytes = timed(() => {
      copyAndHash(work, releases);
    });
    const checks = timed(() => publish(releases, '--quiet', '--dry-run'));
    times.push({ ours, checks, bytes });
  }
  const list = (name: 'ours' | 'checks' | 'bytes'): string =>
    times.map((each) => each[name].toFixed(0)).join(', ');
  const middle = (ratios: readonly number[]): string =>
    [...ratios].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]?.toFixed(2) ?? '';
  console.log(
    `publish, ${BOARDS} boards: ${list('ours')} ms, of which verifying them (--dry-run) ${list('checks')} ms; ` +
      `copying them to disk and hashing them: ${list('bytes')} ms; ` +
      `ratio ${middle(times.map(({ ours, bytes }) => ours / bytes))}, ` +
      `without verifying ${middle(times.map(({ ours, checks, bytes }) => (ours - checks) / bytes))}; ` +
      `peak memory ${all.toFixed(0)} MiB, of one board ${one.toFixed(0)} MiB`,
  );
}

/** Fifty release directories: one that was built, under the names of fifty boards. */
function makeReleases(
  {
    main,
    work,
    firmware,
  }: { readonly main: string; readonly work: string; readonly firmware: string },
  run: Run,
): string[] {
  const profile = readFileSync(join(process.cwd(), 'profiles', 'ESP32_GENERIC.yaml'), 'utf8');
  mkdirSync(join(work, 'profiles'), { recursive: true });
  return Array.from({ length: BOARDS }, (_, index) => {
    const board = `BENCH_${index}`;
    writeFileSync(
      join(work, 'profiles', `${board}.yaml`),
      profile.replace(/^board: .*$/m, `board: ${board}`),
    );
    const names = ['--board', board, '--app-version', '1.2.3', '--firmware', firmware];
    run(process.execPath, [main, ...names, '--key', 'key.pem', '--quiet', '--out', 'boards']);
    return join('boards', `${board}-1.2.3`);
  });
}

/** What nobody who publishes can do without: every byte to the disk, and every byte hashed once. */
function copyAndHash(work: string, releases: readonly string[]): void {
  const target = join(work, 'copied');
  rmSync(target, { recursive: true, force: true });
  for (const release of releases)
    cpSync(join(work, release), join(target, release), { recursive: true });
  const files = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const [program, args] of [
    ['sync', files],
    ['sha256sum', files],
  ] as const) {
    const { status } = spawnSync(program, args, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`${program} failed`);
  }
}

function timed(action: () => unknown): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}
