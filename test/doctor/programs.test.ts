import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { claudeCheck, nodeCheck, outerSessionCheck } from '../../src/doctor/programs.ts';

const nodeAt = (version: string) => nodeCheck('1.0.0', { version, path: '/usr/bin/node' });

describe('Node', () => {
  it('is good from the version on that package.json names', () => {
    const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const least = engines.node.replace('>=', '');
    expect(nodeAt(least).state).toBe('good');
    for (const version of ['24.1.0', '20.20.2', '22.0.0']) expect(nodeAt(version).state).toBe('good');
    for (const version of ['20.18.3', '18.20.0', '16.0.0']) {
      expect(nodeAt(version)).toMatchObject({ state: 'bad', message: expect.stringContaining(version) });
    }
  });
});

describe('claude', () => {
  it('is good if it tells its version', () => {
    expect(claudeCheck('/usr/bin/claude', '2.1.222')).toMatchObject({
      state: 'good',
      message: 'Claude Code 2.1.222 is /usr/bin/claude.',
    });
  });

  it('is bad if there is none, or if it does not start', () => {
    expect(claudeCheck(null, null)).toMatchObject({ state: 'bad', code: 'no-claude' });
    expect(claudeCheck('/a b/claude', null)).toMatchObject({
      state: 'bad',
      hint: "See what it says: '/a b/claude' --version",
    });
  });
});

describe('what leaks from another Claude Code session', () => {
  it('is named with what removes it, but is no fault inside of one', () => {
    const leaked = ['CLAUDECODE', 'CLAUDE_CODE_CHILD_SESSION'];
    const where = { isAgent: false, isTmux: false };
    expect(outerSessionCheck([], where)).toMatchObject({ state: 'good' });
    expect(outerSessionCheck(leaked, { ...where, isAgent: true })).toMatchObject({ state: 'good' });
    expect(outerSessionCheck(leaked, where)).toMatchObject({
      state: 'bad',
      code: 'refused',
      hint: 'unset CLAUDECODE CLAUDE_CODE_CHILD_SESSION',
    });
    expect(outerSessionCheck(leaked, { ...where, isTmux: true }).hint).toContain('tmux');
  });
});
