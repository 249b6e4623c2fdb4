import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/peers/**/*.test.ts'],
    globalSetup: 'test/peers/build-programs.ts',
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
