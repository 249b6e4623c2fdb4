import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SOURCE = new URL('../../src/process/start-environment.ts', import.meta.url).pathname;

/** What /proc/self/environ of a process holds after it has wiped `names`. */
function environAfter(names: readonly string[], env: Record<string, string>): string[] {
  const outfile = join(temporaryFolder(), 'wipe.mjs');
  buildSync({ entryPoints: [SOURCE], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const script = `
    const { wipeFromStart } = await import(${JSON.stringify(outfile)});
    wipeFromStart(${JSON.stringify(names)});
    process.stdout.write((await import('node:fs')).readFileSync('/proc/self/environ'));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
  return output.split('\0').filter((variable) => variable !== '');
}

describe.runIf(process.platform === 'linux')('the environment that a process was started with', () => {
  it('shows nothing of what was wiped, and all of the rest', () => {
    const others = { A: 'CCLINK_PIN=not this', CCLINK_PIN_LENGTH: '8', PIN: 'grüße', Z: '' };
    const secret = { CCLINK_PIN: 'a secret', CCLINK_PASSPHRASE: 'grüße = ü' };
    const left = environAfter(['CCLINK_PIN', 'CCLINK_PASSPHRASE'], { ...secret, ...others });
    expect(left.sort()).toEqual(Object.entries(others).map(([name, value]) => `${name}=${value}`));
  });
});
