import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openTmuxWindow, tmuxAnswers } from '../../src/terminal/tmux.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A tmux server of its own with one session, and the environment of a shell in it. */
function startTmux() {
  const home = realpathSync(temporaryFolder());
  const env = { PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  const run = (...words: string[]) =>
    execFileSync('tmux', ['-S', join(home, 'socket'), '-f', '/dev/null', ...words], { env, encoding: 'utf8' });
  run('new-session', '-d', '-s', 'work', '/bin/sh');
  onTestFinished(() => void spawnSync('tmux', ['-S', join(home, 'socket'), 'kill-server']));
  const TMUX = run('display-message', '-p', '#{socket_path},#{pid},0').trim();
  return { home, run, env: { ...env, TMUX } };
}

describe.runIf(spawnSync('tmux', ['-V']).status === 0)('a window of tmux', () => {
  it('is opened in a directory of any name, and named for people', async () => {
    const { home, env } = startTmux();
    const names = ['plain', 'style #[fg=red] x', '#{pid}', '##[x', '#(touch PWN)', '%H;', 'line\nbreak', ' -- '];
    for (const [i, name] of names.entries()) {
      const directory = join(home, name);
      mkdirSync(directory);
      const seen = join(home, `seen-${i}`);
      const script = 'printf %s "$PWD,$(pwd -P),$1" > "$2.new"; mv "$2.new" "$2"';
      const command = ['/bin/sh', '-c', script, 'sh', 'a;', seen];
      const window = openTmuxWindow(env, { title: `#[x] ${name}`, directory, command, unset: [], set: {} });
      expect(window, name).toMatch(/^work:\d+$/);
      await expect.poll(() => existsSync(seen), { timeout: 5000 }).toBe(true);
      expect(readFileSync(seen, 'utf8')).toBe(`${directory},${directory},a;`);
    }
    expect(existsSync(join(home, 'PWN'))).toBe(false);
  });

  it('has the variables that it should, and the program may have any path', async () => {
    const { home, run, env } = startTmux();
    run('set-environment', '-g', 'LEFT_BEHIND', '1');
    const program = join(home, 'a=b');
    writeFileSync(program, `#!/bin/sh\nenv > "${home}/new"; mv "${home}/new" "${home}/seen"\n`, { mode: 0o755 });
    openTmuxWindow(env, {
      title: 'x',
      directory: home,
      command: [program],
      unset: ['LEFT_BEHIND'],
      set: { ADDED: 'ü;' },
    });
    await expect.poll(() => existsSync(join(home, 'seen')), { timeout: 5000 }).toBe(true);
    const variables = readFileSync(join(home, 'seen'), 'utf8').split('\n');
    expect(variables).toContain('ADDED=ü;');
    expect(variables).not.toContain('LEFT_BEHIND=1');
  });

  it('is not opened where the server is gone, which is known beforehand', () => {
    const { run, env } = startTmux();
    expect(tmuxAnswers(env)).toBe(true);
    run('kill-server');
    expect(tmuxAnswers(env)).toBe(false);
    expect(openTmuxWindow(env, { title: 'x', directory: '/', command: ['true'], unset: [], set: {} })).toBeNull();
    expect(tmuxAnswers({ ...env, PATH: '/nowhere' })).toBe(false);
  });
});
