// Loaded by `node --import` in front of the built program: counts every operation that changes files, and kills the process when the
// one with number KILL_AT is about to be done. With KILL_AT=0 it only counts, and writes how many there were to KILL_COUNT.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const killAt = Number(process.env.KILL_AT ?? '0');
const countFile = process.env.KILL_COUNT;
/** Operations below these directories count: what node itself reads to start is of no interest. */
const roots = (process.env.KILL_BELOW ?? '').split(':').filter(Boolean);

const writeFileSync = fs.writeFileSync.bind(fs);
// What only reads leaves everything as it was: a kill there is one before the next change.
const OF_PATHS = ['mkdir', 'rename', 'rm', 'rmdir', 'link', 'unlink', 'writeFile', 'truncate'];
const OF_HANDLES = ['write', 'writeFile', 'sync', 'truncate'];
const SYNC = ['renameSync', 'mkdirSync', 'rmSync', 'writeFileSync'];
let count = 0;

function step() {
  count++;
  if (count === killAt) process.kill(process.pid, 'SIGKILL');
}

const isWatched = (path) => roots.some((root) => String(path).startsWith(root));

for (const name of OF_PATHS) {
  const original = fs.promises[name];
  fs.promises[name] = (...args) => {
    if (isWatched(args[0])) step();
    return original(...args);
  };
}

const open = fs.promises.open;
fs.promises.open = async (path, flags = 'r', ...others) => {
  const mayCreate =
    typeof flags === 'string' ? flags !== 'r' : (flags & fs.constants.O_CREAT) !== 0;
  if (isWatched(path) && mayCreate) step();
  const handle = await open(path, flags, ...others);
  if (isWatched(path)) watchHandle(handle);
  return handle;
};
for (const name of SYNC) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (isWatched(args[0])) step();
    return original(...args);
  };
}
syncBuiltinESMExports();

function watchHandle(handle) {
  for (const name of OF_HANDLES) {
    const original = handle[name].bind(handle);
    handle[name] = (...args) => {
      step();
      return original(...args);
    };
  }
}

process.on('exit', () => {
  if (countFile !== undefined) writeFileSync(countFile, String(count));
});
