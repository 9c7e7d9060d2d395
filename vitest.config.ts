import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Of the inlined packages it would say, file by file, that their sources are not there.
  logLevel: 'error',
  test: {
    include: ['tests/**/*.test.ts'],
    // One more than cores: most tests wait for a command that they run. The default leaves a core idle.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 60_000,
    hookTimeout: 240_000,
    globalSetup: ['tests/support/build-cli.ts'],
    // GitHub's language service imports JSON without saying so, which plain Node refuses.
    server: { deps: { inline: [/@actions\//] } },
    coverage: { include: ['builder/**'], exclude: ['builder/main.ts'] },
  },
});
