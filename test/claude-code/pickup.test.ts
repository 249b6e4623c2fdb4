import { describe, expect, it } from 'vitest';
import { SESSION } from '../support/machine.ts';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';
import { CLAUDE_VERSIONS } from './install-claude.ts';
import { installRealClaude } from './real-claude.ts';

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
});
