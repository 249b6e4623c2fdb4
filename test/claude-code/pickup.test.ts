import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { SESSION } from '../support/machine.ts';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';
import { CLAUDE_VERSIONS } from './install-claude.ts';
import { command, installRealClaude, transcriptsOf } from './real-claude.ts';

useTwoMachines(8);

describe.each(CLAUDE_VERSIONS)('a pickup with Claude Code %s', (version) => {
  it('goes on with the conversation', async () => {
    await shareKeyAndSession();
    installRealClaude(desk, version);
    await laptop.json(['publish', SESSION]);
    const { code, stdout, stderr } = await desk.run(['pickup', '-y', '--', '-p', 'which word?'], { cwd: desk.home });
    expect(stderr).toContain(SESSION);
    expect([code, stdout.trim()]).toEqual([0, 'The word is ZEBRA.']);
  });

  it('is saved, also from a terminal that was opened from inside another session', async () => {
    await shareKeyAndSession();
    installRealClaude(desk, version);
    await laptop.json(['publish', SESSION]);
    const run = desk.terminal(['pickup', '-y', '--', 'which word?'], { env: { CLAUDE_CODE_CHILD_SESSION: '1' } });
    const saved = () => transcriptsOf(desk).get(SESSION) ?? '';
    await expect.poll(saved, { timeout: 40_000 }).toMatch(/which word\?[\s\S]*The word is ZEBRA\./);
    await command(run, '/exit');
    expect(await run.end()).toBe(0);
  });

  it('finds a session whose project folder is a link', async () => {
    await shareKeyAndSession();
    installRealClaude(desk, version);
    const folder = join(desk.claudeFolder, 'projects', slugOf(laptop.project));
    renameSync(folder, join(desk.home, 'moved'));
    symlinkSync(join(desk.home, 'moved'), folder);
    await laptop.json(['publish', SESSION]);
    const { code, stdout } = await desk.run(['pickup', '-y', '--', '-p', 'which word?']);
    expect([code, stdout.trim()]).toEqual([0, 'The word is ZEBRA.']);
  });

  it('burns nothing where the directory is behind a link, and this version would not find the session', async () => {
    await laptop.init();
    desk.takeKeyOf(laptop);
    installRealClaude(desk, version);
    mkdirSync(join(desk.home, 'data/proj'), { recursive: true });
    symlinkSync('data', join(desk.home, 'work'));
    laptop.addSession(join(desk.home, 'work/proj'));
    desk.takeSessionsOf(laptop);
    await laptop.json(['publish', '--burn', SESSION]);
    const { code, stdout, stderr } = await desk.run(['pickup', '-y', '--', '-p', 'which word?']);
    if (version === '2.1.119') {
      expect([code, stderr.includes('2.1.119')], stderr).toEqual([7, true]);
      expect(await laptop.json(['list'])).toHaveLength(1);
    } else expect([code, stdout.trim()]).toEqual([0, 'The word is ZEBRA.']);
  });
});
