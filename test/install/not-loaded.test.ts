import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');

/** A cclink whose program is `main`, or is missing. Starts it. */
function startWithout(main: string | null, ...args: string[]) {
  const copy = temporaryFolder();
  mkdirSync(join(copy, 'dist'));
  for (const part of ['bin', 'dist/answers.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
  writeFileSync(join(copy, 'dist/package.json'), '{"type":"module"}');
  if (main !== null) writeFileSync(join(copy, 'dist/main.js'), main);
  return spawnSync(process.execPath, [join(copy, 'bin/cclink.cjs'), ...args], { encoding: 'utf8' });
}

describe('a program that cannot be loaded', () => {
  it('is said in plain lines, or as JSON, where a file of it is missing', () => {
    expect(startWithout(null, 'whoami')).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringMatching(/^Error: cclink could not be loaded: .*main\.js.*\nInstall it once more\.\n$/),
    });
    expect(JSON.parse(startWithout(null, 'whoami', '--json').stderr)).toMatchObject({ error: { code: 'refused' } });
  });

  it('is said with the limit to raise where too few files may be opened', () => {
    const main = "throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })";
    expect(startWithout(main, 'whoami')).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/^Error: .*too many open files\n.*raise the limit \(ulimit -n\).*\n$/),
    });
  });
});
