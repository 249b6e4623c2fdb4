import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');

describe('a program that cannot be loaded', () => {
  it.runIf(process.platform === 'linux')('is said in plain lines where too few files may be opened', () => {
    const line = 'ulimit -n 22; exec "$0" "$@"';
    const args = [process.execPath, join(root, 'bin/cclink.cjs'), 'whoami'];
    const { status, stderr } = spawnSync('/bin/sh', ['-c', line, ...args], { encoding: 'utf8' });
    expect(status).toBe(5);
    expect(stderr).toMatch(/^Error: .*\n.*raise the limit \(ulimit.*\n$/);
  });

  it('is said in plain lines, or as JSON, where a file of it is missing', () => {
    const copy = temporaryFolder();
    mkdirSync(join(copy, 'dist'));
    for (const part of ['bin', 'dist/answers.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    const start = (...args: string[]) =>
      spawnSync(process.execPath, [join(copy, 'bin/cclink.cjs'), ...args], { encoding: 'utf8' });
    expect(start('whoami')).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringMatching(/^Error: cclink could not be loaded: .*main\.js.*\nInstall it once more\.\n$/),
    });
    expect(JSON.parse(start('whoami', '--json').stderr)).toMatchObject({ error: { code: 'refused' } });
  });
});
