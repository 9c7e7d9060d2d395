import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 240_000,
    globalSetup: ['tests/support/build-cli.ts'],
    coverage: { include: ['builder/**'], exclude: ['builder/main.ts'] },
  },
});
