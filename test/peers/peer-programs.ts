import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from 'vitest';

/**
 * Declares tests against a program that nobody here wrote. Where it is missing they are skipped and its name is said; where `CI` is set,
 * a missing program is a failure.
 */
export function describePeer(program: string, isInstalled: boolean, tests: () => void): void {
  if (isInstalled) {
    describe(program, tests);
  } else if (process.env['CI']) {
    describe(program, () => {
      it('is installed', () => {
        throw new Error(`${program} is not installed, and nothing may be skipped here.`);
      });
    });
  } else {
    console.warn(`Skipped: ${program} is not installed.`);
    describe.skip(program, tests);
  }
}

/** True if this program can be started. */
export function isProgram(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** What a program prints, given `input` on its standard input. Rejects, with what it complained about, where it exits with a failure. */
export async function run(program: string, args: readonly string[], input: Uint8Array | string = ''): Promise<Buffer> {
  const running = promisify(execFile)(program, [...args], { encoding: 'buffer', timeout: 15_000 });
  // Who ends early does not read it all: that shows in the exit code.
  running.child.stdin?.on('error', () => {});
  running.child.stdin?.end(input);
  return (await running).stdout;
}
