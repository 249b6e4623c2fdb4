import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/peers/**', 'test/claude-code/**'],
    globalSetup: 'test/support/build.ts',
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
