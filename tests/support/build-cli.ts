import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds dist/ once before the tests: what they run is what a user runs. */
export default function setup(): void {
  const cwd = join(import.meta.dirname, '..', '..');
  execFileSync('npm', ['run', '--silent', 'build'], { cwd, stdio: 'inherit' });
  execFileSync(
    'npx',
    [
      ...['rolldown', 'tests/support/fake-idf/idf.ts', '--platform', 'node', '--log-level', 'warn'],
      ...['--file', 'node_modules/.cache/fake-idf/idf.mjs'],
    ],
    { cwd, stdio: 'inherit' },
  );
}
