import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeWithSession } from '../../src/claude/open-session.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const [NAMED, OTHER] = [sessionId(1), sessionId(2)];
const STARTED_MS = Date.now() - 3600_000;

/** A Claude folder in which this process says that it is a Claude Code with one session open. */
function claude(version?: string) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sessions'));
  const record = { pid: process.pid, sessionId: NAMED, cwd: '/data/app', startedAt: STARTED_MS, version };
  writeFileSync(join(folder, 'sessions', `${process.pid}.json`), JSON.stringify(record));
  const transcript = (id: string, minutesAfter: number, project = '-data-app') =>
    writeTranscript(folder, project, id, [said('/data/app')], STARTED_MS + 60_000 * minutesAfter);
  return { transcript, has: (id: string) => claudeWithSession(folder, id) };
}

describe('a session', () => {
  it('is open in the Claude Code that names it', () => {
    for (const version of ['2.1.119', '2.1.332']) {
      const { transcript, has } = claude(version);
      transcript(NAMED, 1);
      expect(has(NAMED)).toEqual({ pid: process.pid, isCertain: true });
      expect(has(sessionId(3))).toBeNull();
    }
  });

  it('may be open in one that does not tell after /clear, if it was in use there later', () => {
    for (const [version, expected] of [
      ['2.1.119', { pid: process.pid, isCertain: false }],
      [undefined, { pid: process.pid, isCertain: false }],
      ['2.1.222', null],
    ] as const) {
      const { transcript, has } = claude(version);
      transcript(NAMED, 1);
      transcript(OTHER, 2);
      expect(has(OTHER), version).toEqual(expected);
    }
  });

  it('is not open where it was in use before that, or in another directory', () => {
    const { transcript, has } = claude('2.1.119');
    transcript(NAMED, 5);
    transcript(OTHER, 4);
    expect(has(OTHER)).toBeNull();
    transcript(sessionId(3), 6, '-data-other');
    expect(has(sessionId(3))).toBeNull();
    const begun = claude('2.1.119');
    begun.transcript(OTHER, -1);
    expect(begun.has(OTHER)).toBeNull();
  });
});
