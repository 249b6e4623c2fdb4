import { describe, expect, it } from 'vitest';
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
});
