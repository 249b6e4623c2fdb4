import { describe, expect, it } from 'vitest';
import { laptop, useTwoMachines } from '../support/two-machines.ts';
import { CLAUDE_VERSIONS } from './install-claude.ts';
import { command, installRealClaude, startClaude, transcriptsOf } from './real-claude.ts';

useTwoMachines(8);

/** The one session in which the model has answered. */
const answered = () => [...transcriptsOf(laptop)].filter(([, text]) => text.includes('The word is ZEBRA.'));

describe.each(CLAUDE_VERSIONS)('publishing a session of Claude Code %s', (version) => {
  it('takes the conversation, not what /clear left behind it', async () => {
    await laptop.init();
    installRealClaude(laptop, version);
    const claude = startClaude(laptop, ['Remember the word ZEBRA.']);
    await expect.poll(answered, { timeout: 40_000 }).toHaveLength(1);
    const [conversation = ''] = answered()[0] ?? [];
    await command(claude, '/clear');
    await expect.poll(() => transcriptsOf(laptop).size, { timeout: 40_000 }).toBe(2);
    await command(claude, '/exit');
    expect(await claude.end()).toBe(0);

    const planned = await laptop.json<{ session: { id: string } }>(['publish', '--dry-run']);
    expect(planned.session.id).toBe(conversation);
  });

  it('takes the conversation after a /clear, while its claude is open', async () => {
    await laptop.init();
    installRealClaude(laptop, version);
    const claude = startClaude(laptop, ['Remember the word ZEBRA.']);
    await expect.poll(answered, { timeout: 40_000 }).toHaveLength(1);
    const [before = ''] = answered()[0] ?? [];
    await command(claude, '/clear');
    await expect.poll(() => transcriptsOf(laptop).size, { timeout: 40_000 }).toBe(2);
    claude.type('And-ZEBRA-again?');
    await claude.answers(/And-ZEBRA-again\?/, '\r');
    await expect.poll(answered, { timeout: 40_000 }).toHaveLength(2);

    // Up to 2.1.119 the file of the process goes on to name the session before.
    const planned = await laptop.json<{ session: { id: string } }>(['publish', '--dry-run']);
    expect(answered().map(([id]) => id)).toContain(planned.session.id);
    expect(planned.session.id).not.toBe(before);
    await command(claude, '/exit');
    expect(await claude.end()).toBe(0);
  });
});
