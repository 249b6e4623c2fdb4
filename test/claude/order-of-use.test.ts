import { describe, expect, it } from 'vitest';
import { sessionsOf } from '../../src/claude/sessions-here.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const APP = '/data/app';

/** The order of sessions, each given by how long ago it was last used, and its file last written. */
function order(...agesMs: readonly (readonly [saidAgo: number | null, writtenAgo: number])[]): number[] {
  const claude = temporaryFolder();
  const now = Date.now();
  for (const [i, [saidAgo, writtenAgo]] of agesMs.entries()) {
    const timestamp = saidAgo === null ? undefined : new Date(now - saidAgo).toISOString();
    writeTranscript(claude, '-data-app', sessionId(i), [{ ...said(APP), timestamp }], now - writtenAgo);
  }
  return [...sessionsOf(claude, APP)].map(({ id }) => Number.parseInt(id.slice(0, 8), 16));
}

describe('sessions in the order of their use', () => {
  it('are ordered by the times of their files, whatever was said when', () => {
    expect(order([DAY, DAY], [5, 5], [2 * DAY, 2 * DAY])).toEqual([1, 0, 2]);
    expect(order([null, 3000], [null, 2000], [null, 5000])).toEqual([1, 0, 2]);
    // Copied one after the other: the last that somebody took the trouble of copying comes first.
    expect(order([2 * DAY, 180 * MINUTE], [3 * DAY, 0])).toEqual([1, 0]);
    // Left open for hours without a word.
    expect(order([180 * MINUTE, 5 * MINUTE], [240 * MINUTE, 170 * MINUTE])).toEqual([0, 1]);
  });

  it('that were copied at once are ordered by what was said in them', () => {
    expect(order([3 * DAY, 0], [2 * DAY, 1000], [4 * DAY, 0], [DAY, 9000])).toEqual([3, 1, 0, 2]);
    expect(order([3 * DAY, 0], [3 * DAY, 5000], [3 * DAY, 2000])).toEqual([0, 2, 1]);
  });

  it('that were copied do not come before one that was in use later, whatever the time of their files', () => {
    expect(order([3 * DAY, 0], [10 * MINUTE, 10 * MINUTE], [2 * DAY, 1000])).toEqual([1, 2, 0]);
    expect(order([3 * DAY, -DAY], [10 * MINUTE, 10 * MINUTE])).toEqual([1, 0]);
  });
});
