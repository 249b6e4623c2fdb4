import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/doctor/check.ts';
import { laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';

useTwoMachines(8);

function installWorkingClaude(): void {
  const file = join(laptop.home, 'bin', 'claude');
  writeFileSync(file, '#!/bin/sh\necho "2.1.222 (Claude Code)"\n', { mode: 0o755 });
}

/** Every file below the home folder, with what would change if anything wrote to it. */
function snapshot(): string[] {
  return readdirSync(laptop.home, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { mode, mtimeMs, size } = statSync(join(laptop.home, name));
    return `${name} ${mode} ${mtimeMs} ${size}`;
  });
}

const bad = (checks: readonly Check[]) => checks.filter(({ state }) => state === 'bad').map(({ id }) => id);

describe('cclink doctor', () => {
  it('finds nothing wrong on a good machine, also for an agent, and changes nothing', async () => {
    await shareKeyAndSession();
    installWorkingClaude();
    const before = snapshot();
    const { code, stdout, stderr } = await laptop.run(['doctor', '--json'], { env: { CLAUDECODE: '1' } });
    const checks = JSON.parse(stdout) as Check[];
    expect([code, stderr, bad(checks)]).toEqual([0, '', []]);
    expect(checks.map(({ id }) => id)).toEqual([
      'node',
      'claude',
      'claude-folder',
      'outer-session',
      'key',
      'clock',
      'state-folder',
      'cache-folder',
      'terminal',
      'names',
      'udp',
      'nodes',
    ]);
    expect(snapshot()).toEqual(before);
  });

  it('tells a person at a terminal', async () => {
    await shareKeyAndSession();
    installWorkingClaude();
    const terminal = laptop.terminal(['doctor']);
    expect(await terminal.end()).toBe(0);
    expect(terminal.text).toContain('good         Claude Code 2.1.222 is ');
    expect(terminal.text).toContain('There is a terminal to ask on: 120 columns, colours.');
    expect(terminal.text).toContain('Nothing is wrong here.');
  });

  it('says of all that is bad what to do, and ends with the code of the first', async () => {
    await shareKeyAndSession();
    chmodSync(laptop.keyFile, 0o644);
    mkdirSync(join(laptop.home, '.cache/cclink'), { recursive: true, mode: 0o755 });
    const env = { CCLINK_BOOTSTRAP: '127.0.0.1:9' };
    const told = await laptop.run(['doctor', '--json', '--timeout', '1s'], { env });
    const checks = JSON.parse(told.stdout) as Check[];
    expect(bad(checks)).toEqual(['claude', 'key', 'cache-folder', 'udp']);
    for (const { state, hint } of checks) if (state === 'bad') expect(hint).not.toBe(null);
    expect(told.code).toBe(7);

    const { code, stdout, stderr } = await laptop.run(['doctor', '-q', '--timeout', '1s'], { env });
    expect(stdout).toContain(`chmod 600 ${laptop.keyFile}`);
    expect(stdout).not.toMatch(/^good/m);
    expect([code, stderr]).toEqual([7, '']);
  });

  it('finds what leaked from a Claude Code session into a terminal', async () => {
    const env = { CLAUDECODE: '1', CLAUDE_CODE_CHILD_SESSION: '1' };
    const terminal = laptop.terminal(['doctor', '-q', '--timeout', '1s'], { env });
    await terminal.end();
    expect(terminal.text).toContain('unset CLAUDECODE CLAUDE_CODE_CHILD_SESSION');
  });

  it('shows no secret', async () => {
    await shareKeyAndSession();
    const env = { CCLINK_PASSPHRASE: 'swordfish-pass', CCLINK_PIN: 'swordfish-pin' };
    for (const flags of [['-v'], ['--json', '-v']]) {
      const { stdout, stderr } = await laptop.run(['doctor', ...flags], { env });
      expect(stdout + stderr).not.toMatch(/swordfish/);
      expect(stdout + stderr).not.toContain(readFileSync(laptop.keyFile, 'latin1').trim());
    }
  });

  it('names what can not be read in CCLINK_BOOTSTRAP', async () => {
    const { code, stdout } = await laptop.run(['doctor', '-q'], { env: { CCLINK_BOOTSTRAP: 'nonsense' } });
    expect(stdout).toContain('nonsense');
    expect(code).toBe(7);
  });
});
