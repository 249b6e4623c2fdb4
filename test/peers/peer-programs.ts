import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from 'vitest';

/**
 * Declares tests against programs that others wrote. If some are `missing`, the tests are skipped and the
 * missing programs named; if `CI` is set, a missing program is a failure.
 */
export function describePeer(peer: string, missing: readonly string[], tests: () => void): void {
  if (missing.length === 0) {
    describe(peer, tests);
  } else if (process.env['CI']) {
    describe(peer, () => {
      it('is installed', () => {
        throw new Error(`Not installed, and nothing may be skipped where CI is set: ${missing.join(', ')}`);
      });
    });
  } else {
    console.warn(`Skipped, as it is not installed: ${missing.join(', ')}`);
    describe.skip(peer, tests);
  }
}

/** Those of the programs that can't be started. */
export function missingPrograms(...programs: readonly string[]): string[] {
  return programs.filter((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined);
}

/**
 * What a program prints, given `input` on its standard input. If it exits with a failure, rejects with its
 * error output.
 */
export async function run(program: string, args: readonly string[], input: Uint8Array | string = ''): Promise<Buffer> {
  const running = promisify(execFile)(program, [...args], { encoding: 'buffer', timeout: 15_000 });
  // A program that ends early does not read everything; its exit code tells why.
  running.child.stdin?.on('error', () => {});
  running.child.stdin?.end(input);
  return (await running).stdout;
}
