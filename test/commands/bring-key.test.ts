import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lineToFetchKey, lineToSendKey, programWords, sshLine } from '../../src/commands/bring-key.ts';
import { takeEnvironment } from '../../src/environment.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/cclink.cjs', import.meta.url));

/** Types a line into a shell whose `ssh` does as sshd does: a shell without a PATH gets one string. */
function typed(line: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'ssh'), '#!/bin/sh\nshift\nexec env -i PATH=/nowhere HOME=/nowhere /bin/sh -c "$*"\n');
  chmodSync(join(folder, 'ssh'), 0o755);
  return execFileSync('sh', ['-c', line], { env: { PATH: `${folder}:/usr/bin:/bin` }, encoding: 'utf8' });
}

describe.runIf(process.platform !== 'win32')('a line that runs cclink on another machine through ssh', () => {
  it('finds it where neither cclink nor node is on the PATH', () => {
    expect(typed(sshLine('desk', [...programWords(process.execPath, PROGRAM), '--version']))).toMatch(
      /^cclink \d+\.\d+/,
    );
  });

  it('names the program itself, not a link to it, and survives spaces and quotes in its path', () => {
    const folder = join(temporaryFolder(), `it's "my" $HOME`);
    mkdirSync(join(folder, 'bin'), { recursive: true });
    for (const file of ['cclink.cjs', 'start.cjs']) cpSync(join(dirname(PROGRAM), file), join(folder, 'bin', file));
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'dist/answers.json'), '{"--version":"cclink 1\\n"}');
    symlinkSync(join(folder, 'bin/cclink.cjs'), join(folder, 'link'));
    const words = programWords(process.execPath, join(folder, 'link'));
    expect(words).toEqual([process.execPath, join(folder, 'bin/cclink.cjs')]);
    expect(typed(sshLine('desk', [...words, '--version']))).toBe('cclink 1\n');
  });

  it('names the launcher of install.sh where there is one, since that knows its Node', () => {
    const prefix = temporaryFolder();
    mkdirSync(join(prefix, 'lib/cclink/bin'), { recursive: true });
    mkdirSync(join(prefix, 'bin'));
    for (const file of ['lib/cclink/.installed', 'lib/cclink/bin/cclink.cjs', 'bin/cclink']) {
      writeFileSync(join(prefix, file), '');
    }
    expect(programWords('/usr/bin/node', join(prefix, 'lib/cclink/bin/cclink.cjs'))).toEqual([
      join(prefix, 'bin/cclink'),
    ]);
  });

  it('brings the key from where it is to where it belongs', () => {
    const usual = takeEnvironment({ HOME: '/home/ada' }, []);
    expect(lineToFetchKey(usual)).toMatch(/^ssh \S+ cat \.pubky\/secret_key \| cclink init --import -$/);
    expect(lineToSendKey(usual)).toMatch(/^ssh \S+ \/\S+ .*init --import - < ~\/\.pubky\/secret_key$/);
    const own = takeEnvironment({ HOME: '/home/ada', CCLINK_KEY_FILE: '/home/ada/my keys/cclink' }, []);
    expect(lineToFetchKey(own)).toMatch(/^ssh \S+ 'cat .*my keys\/cclink.*' \| cclink init --import -$/);
    expect(typed(sshLine('desk', ['/bin/echo', '/home/ada/my keys/cclink']))).toBe('/home/ada/my keys/cclink\n');
    expect(lineToSendKey(own)).toContain('CCLINK_KEY_FILE=/home/ada/my keys/cclink');
  });
});
