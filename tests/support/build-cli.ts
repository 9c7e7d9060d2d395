import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

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
}
