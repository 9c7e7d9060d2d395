import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { emulatorVariable, findEmulator } from './emulator.ts';
import { oraclePython } from './oracle.ts';

/** Builds dist/ once before the tests: what they run is what a user runs. */
export default function setup(): void {
  const cwd = join(import.meta.dirname, '..', '..');
  execFileSync('npm', ['run', '--silent', 'build'], { cwd, stdio: 'inherit' });
  execFileSync(
    'npx',
    [
      ...['rolldown', 'tests/support/fake-idf/idf.ts', 'tests/support/fake-idf/engine.ts'],
      ...['--platform', 'node', '--log-level', 'warn'],
      ...['--dir', 'node_modules/.cache/fake-idf', '--entry-file-names', '[name].mjs'],
    ],
    { cwd, stdio: 'inherit' },
  );
  sayWhatIsSkipped();
}

/** The reporter shows that files are skipped, not why. */
function sayWhatIsSkipped(): void {
  for (const chip of ['esp32', 'esp32c3'] as const) {
    if (findEmulator(chip) === undefined)
      console.log(
        `tests/device: nothing runs on an ${chip}, ${emulatorVariable(chip)} names no emulator`,
      );
  }
  if (oraclePython() === undefined)
    console.log(
      'tests/oracle: most are skipped, OTA_BUILD_ORACLE_PYTHON names no Python with esptool',
    );
}
