import { describe, expect, it } from 'vitest';
import type { Standing } from '../../src/claude/transcript-summary.ts';
import { chooseFrom } from '../../src/commands/choose-session.ts';

const NOW = 1_800_000_000_000;
const used = (id: string, hoursAgo: number, standing: Standing = 'typed') => ({
  id,
  modifiedMs: NOW - hoursAgo * 3600_000,
  standing,
});
const choose = (offered: ReturnType<typeof used>[], open: string[] = []) => {
  const choice = chooseFrom(offered, new Set(open), NOW);
  return choice.kind === 'none' ? 'none' : `${choice.kind} ${choice.session.id}`;
};

describe('of the sessions of a folder, the one that is meant', () => {
  it('is the only one that was used within a day, or is open', () => {
    expect(choose([used('a', 1), used('b', 30)])).toBe('this a');
    expect(choose([used('a', 30), used('b', 40)])).toBe('none');
    expect(choose([used('a', 30), used('b', 40)], ['a'])).toBe('this a');
    expect(choose([])).toBe('none');
  });

  it('is asked for where there are several, or is the newest', () => {
    expect(choose([used('a', 1), used('b', 2)])).toBe('newest a');
    expect(choose([used('a', 1), used('b', 2)], ['a', 'b'])).toBe('newest a');
  });

  it('is asked for where one is marked as open and another is newer, or is the newer one', () => {
    expect(chooseFrom([used('a', 0), used('b', 3)], new Set(['b']), NOW)).toMatchObject({
      kind: 'newest',
      session: { id: 'a' },
      open: { id: 'b' },
    });
    expect(choose([used('a', 30), used('b', 40)], ['b'])).toBe('newest a');
  });

  it('is not disputed by one that only programs worked in', () => {
    expect(choose([used('a', 1), used('b', 30, 'automated')], ['b'])).toBe('newest a');
    expect(chooseFrom([used('a', 1), used('b', 30, 'automated')], new Set(['b']), NOW)).toMatchObject({ open: null });
  });
});
