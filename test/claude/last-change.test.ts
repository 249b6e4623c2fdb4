import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lastChangeOf } from '../../src/claude/last-change.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const COPIED_MS = Date.parse('2026-11-26T12:00:00Z');
const at = (timestamp: unknown, more: object = {}) => ({ ...said('/p'), timestamp, ...more });
const lastChange = (lines: readonly (object | string)[]) =>
  lastChangeOf(writeTranscript(temporaryFolder(), '-p', sessionId(1), lines, COPIED_MS));

describe('the last change of a transcript', () => {
  it('is when something was last said in it, whenever the file was copied', () => {
    expect(lastChange([at('2026-11-21T00:00:00.000Z'), at('2026-11-21T00:05:00.000Z')])).toBe(
      Date.parse('2026-11-21T00:05:00Z'),
    );
  });

  it('is found behind side records, a cut-off line, and one of a megabyte', () => {
    const time = '2026-11-21T00:05:00.000Z';
    const screenshot = at(time, { image: 'x'.repeat(1_000_000) });
    const rest = [{ type: 'last-prompt', timestamp: '2026-11-22T00:00:00Z' }, '{"type":"user","timestamp":"2026-11'];
    expect(lastChange([at('2026-11-20T00:00:00Z'), screenshot, ...rest])).toBe(Date.parse(time));
  });

  it('is the time of the file where no record tells', () => {
    for (const lines of [[], [at('yesterday')], [at(5)], ['no JSON']]) expect(lastChange(lines)).toBe(COPIED_MS);
  });

  it('is not known of a file that is not there', () => {
    const path = writeTranscript(temporaryFolder(), '-p', sessionId(1), []);
    rmSync(path);
    expect(lastChangeOf(path)).toBeNull();
  });
});
