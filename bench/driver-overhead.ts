import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Compiles MicroPython once and prints how much longer that took than the idf.py in it: both are read off the same run.
 * Needs an ESP-IDF on PATH (export.sh), and a MicroPython tree in OTA_BUILD_BENCH_MICROPYTHON.
 */
export function measureDriver(main: string, work: string): void {
  const sources = process.env['OTA_BUILD_BENCH_MICROPYTHON'];
  const path = process.env['PATH'] ?? '';
  const idf = path
    .split(delimiter)
    .map((folder) => join(folder, 'idf.py'))
    .find(existsSync);
  if (sources === undefined || idf === undefined) {
    console.log(
      'build from source: not measured, needs idf.py on PATH and a MicroPython tree in OTA_BUILD_BENCH_MICROPYTHON',
    );
    return;
  }
  const folder = join(work, 'idf-with-a-clock');
  const times = join(work, 'idf-times');
  mkdirSync(folder);
  const shim = join(folder, 'idf.py');
  writeFileSync(
    shim,
    `#!/bin/sh\ndate +%s.%N >>'${times}'\n'${idf}' "$@"\ncode=$?\ndate +%s.%N >>'${times}'\nexit $code\n`,
  );
  chmodSync(shim, 0o755);
  const args = [
    '--board',
    'ESP32_GENERIC',
    '--micropython',
    sources,
    '--app-version',
    '1',
    '--no-cache',
  ];
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [main, ...args, '--quiet', '--force'], {
    cwd: work,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${folder}${delimiter}${path}`,
      OTA_BUILD_CACHE: join(work, 'cache'),
    },
  });
  const whole = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`the build from source failed:\n${stderr}`);
  const [from = 0, to = 0] = readFileSync(times, 'utf8').trim().split('\n').slice(-2).map(Number);
  const inner = to - from;
  console.log(
    `build from source: ${whole.toFixed(1)} s; idf.py in it: ${inner.toFixed(1)} s; ` +
      `overhead ${((100 * (whole - inner)) / inner).toFixed(1)} % (aim: under 3 %)`,
  );
}
