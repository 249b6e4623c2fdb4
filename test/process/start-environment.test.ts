import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SOURCE = new URL('../../src/process/start-environment.ts', import.meta.url).pathname;

/** What a process takes from its environment, and what /proc/self/environ holds of it afterwards. */
function environAfter(names: readonly string[], env: Record<string, string>): { taken: string[]; left: string[] } {
  const outfile = join(temporaryFolder(), 'wipe.mjs');
  buildSync({ entryPoints: [SOURCE], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const script = `
    const { takeFromStart } = await import(${JSON.stringify(outfile)});
    const values = [...takeFromStart(${JSON.stringify(names)})].map(([name, value]) => name + '=' + Buffer.from(value));
    process.stdout.write(values.join('\\0') + '\\0\\0' + (await import('node:fs')).readFileSync('/proc/self/environ'));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
  const [taken = '', left = ''] = output.split(/\0\0(.*)/s);
  const variablesIn = (text: string) => text.split('\0').filter((variable) => variable !== '');
  return { taken: variablesIn(taken).sort(), left: variablesIn(left).sort() };
}

describe.runIf(process.platform === 'linux')('the environment that a process was started with', () => {
  it('shows nothing of what was taken from it, and all of the rest', () => {
    const others = { A: 'CCLINK_PIN=not this', CCLINK_PIN_LENGTH: '8', PIN: 'grüße', Z: '' };
    const secret = { CCLINK_PIN: 'a secret', CCLINK_PASSPHRASE: 'grüße = ü' };
    const { taken, left } = environAfter(['CCLINK_PIN', 'CCLINK_PASSPHRASE'], { ...secret, ...others });
    const lines = (variables: object) => Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    expect(taken).toEqual(lines(secret).sort());
    expect(left).toEqual(lines(others).sort());
  });
});
