import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

const PREPARE = fileURLToPath(new URL('../../scripts/prepare.mjs', import.meta.url));

/**
 * Builds `dist/` if it is missing or out of date, before the tests start it (vitest's `globalSetup`), and
 * again before each further run of a vitest that watches. Installing is left to the npm scripts.
 */
export default function build(project: TestProject): void {
  const buildIfNeeded = () => execFileSync(process.execPath, [PREPARE, '--no-install'], { stdio: 'inherit' });
  buildIfNeeded();
  project.onTestsRerun(async () => {
    buildIfNeeded();
  });
}
