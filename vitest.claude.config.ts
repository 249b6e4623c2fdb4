import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/claude-code/**/*.test.ts'],
    globalSetup: ['test/support/build.ts', 'test/claude-code/install-claude.ts'],
    // Starting claude takes seconds, and up to a gigabyte of memory.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 30_000,
  },
});
