import { defineConfig } from 'vitest/config';

/** What only computes and touches files. */
const COMPUTING = [
  ...['test/*.test.ts', 'test/{claude,commands,crypto,files,identity,process,terminal}/**/*.test.ts'],
  'test/travel/secrets/**/*.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: 'test/support/build.ts',
    // Half of the time, tests wait for processes and for answers that are meant to be late.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'waiting',
          include: ['test/**/*.test.ts'],
          exclude: ['test/peers/**', 'test/claude-code/**', ...COMPUTING],
        },
      },
      {
        extends: true,
        test: {
          name: 'computing',
          include: COMPUTING,
          // A process of its own for each file would take as long as the tests.
          isolate: false,
        },
      },
    ],
  },
});
