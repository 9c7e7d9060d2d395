// Loaded into the built command with `node --import`: counts what changes the file system, and ends the process with SIGKILL
// right before the operation number OTA_BUILD_TEST_KILL_AT. At the end it writes the count to OTA_BUILD_TEST_COUNT.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

const killAt = Number(process.env['OTA_BUILD_TEST_KILL_AT'] ?? 'NaN');
const report = process.env['OTA_BUILD_TEST_COUNT'];
const { writeFileSync } = fs;
let count = 0;

function operation() {
  count += 1;
  if (count === killAt) process.kill(process.pid, 'SIGKILL');
}

/** Puts the counter in front of methods, where `counts` says that the call changes something. */
function patch(object, names, counts = () => true) {
  for (const name of names) {
    const original = object[name];
    object[name] = function (...args) {
      if (counts(args)) operation();
      return original.apply(this, args);
    };
  }
}

const CHANGES = [
  ...['mkdir', 'mkdtemp', 'rename', 'link', 'symlink', 'unlink', 'rm', 'rmdir', 'chmod', 'utimes'],
  ...['writeFile', 'appendFile', 'copyFile', 'cp', 'truncate'],
];
const opensForWriting = ([, flags]) =>
  typeof flags === 'string'
    ? !/^r$/.test(flags)
    : ((flags ?? 0) & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0;

const probe = await fs.promises.open(fileURLToPath(import.meta.url), 'r');
const handle = Object.getPrototypeOf(probe);
await probe.close();
patch(handle, ['write', 'writev', 'writeFile', 'appendFile', 'truncate', 'chmod', 'sync']);

patch(fs.promises, CHANGES);
patch(fs.promises, ['open'], opensForWriting);
patch(fs, [...CHANGES, ...CHANGES.map((name) => `${name}Sync`)]);
patch(fs, ['open', 'openSync'], opensForWriting);
patch(fs, ['write', 'writeSync', 'fsync', 'fsyncSync']);
syncBuiltinESMExports();

if (report !== undefined) process.on('exit', () => writeFileSync(report, String(count)));
