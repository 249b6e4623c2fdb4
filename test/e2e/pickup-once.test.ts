import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SESSION } from '../support/machine.ts';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';

useTwoMachines(8);

const standIn = (script: string) => writeFileSync(join(desk.home, 'bin', 'claude'), script, { mode: 0o755 });
const resumeLine = () => `cd ${laptop.project} && claude --resume ${SESSION}`;

/** Publishes a burn handoff that the desk can pick up. */
async function publishOnce(): Promise<void> {
  await shareKeyAndSession();
  await laptop.json(['publish', '--burn']);
}

describe('a handoff that can be picked up once', () => {
  it('is not burnt where claude could not go on with it', async () => {
    await publishOnce();
    const headless = await desk.run(['pickup', '-y']);
    expect([headless.code, headless.stdout]).toEqual([2, '']);
    expect(headless.stderr).toMatch(/no terminal here[\s\S]*--no-run/);
    const piped = desk.terminal(['pickup', '-y'], { shell: '"$@" | cat' });
    await piped.sees(/no terminal here/);
    await piped.end();
    standIn('#!/no/such/node\n');
    const broken = desk.terminal(['pickup', '-y']);
    await broken.sees(/its interpreter \/no\/such\/node is\s+missing/);
    expect(await broken.end()).toBe(7);
    for (const sink of ['>/dev/full', '>/dev/null', '>&-']) {
      const lost = desk.terminal(['pickup', '-y', '--no-run'], { shell: `"$@" ${sink}` });
      await lost.sees(/Standard output is closed or leads to/);
      expect(await lost.end()).toBeGreaterThan(0);
    }
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('tells, whatever goes wrong after the burn, how to go on', async () => {
    await publishOnce();
    standIn('#!/bin/sh\nexit 3\n');
    const run = desk.terminal(['pickup', '-y', '-q']);
    await run.sees(/go on with:\n.*--resume/);
    expect(await run.end()).toBe(3);
    expect(run.text).toContain(resumeLine());
    expect(await laptop.json(['list'])).toEqual([]);
  });

  it('may be given to a claude that runs once, without a terminal', async () => {
    await publishOnce();
    expect((await desk.run(['pickup', '-y', '--', '-p', 'go on'])).code).toBe(0);
    expect(desk.claudeStart()?.args).toEqual(['--resume', SESSION, '-p', 'go on']);
  });

  it('is not lost where the result can not be written: the line stands on standard error', async () => {
    await publishOnce();
    const run = desk.terminal(['pickup', '-y', '--no-run'], { shell: '{ "$@"; echo "code $?" >&2; } | true' });
    await run.sees(/code 1/);
    expect(run.text).toContain(resumeLine());
    // A claude that is started by hand in such a terminal would not save what follows.
    const again = await desk.run(['pickup', '-y', '--no-run'], { env: { CLAUDE_CODE_CHILD_SESSION: '1' } });
    expect(again.stdout).toBe(`${resumeLine()}\n`);
    expect(again.stderr).toContain('\nunset CLAUDE_CODE_CHILD_SESSION\n');
  });
});
