import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepReplaced, replacedFolder, sweepReplaced } from '../../../src/travel/arriving/replaced.ts';
import { sessionId, writeTranscript } from '../../support/claude-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../../support/tmpfs.ts';

const ID = sessionId(1);
const DAY_MS = 24 * 3600_000;

function machine(stateFolder = temporaryFolder()) {
  const claudeFolder = temporaryFolder();
  const path = writeTranscript(claudeFolder, '-proj', ID, ['old']);
  return {
    path,
    claudeFolder,
    keep: (nowMs: number, byBytes = 1000) => keepReplaced(stateFolder, { id: ID, path }, { byBytes, nowMs }),
    sweep: (nowMs: number) => sweepReplaced(stateFolder, claudeFolder, nowMs),
    kept: () => (existsSync(replacedFolder(stateFolder)) ? readdirSync(join(replacedFolder(stateFolder), ID)) : []),
    folder: join(replacedFolder(stateFolder), ID),
  };
}

describe('a transcript that was replaced', () => {
  it('is kept as it was, where no reader takes it for a session', () => {
    const { keep, path, claudeFolder } = machine();
    const kept = keep(1);
    writeFileSync(`${path}.new`, 'new');
    expect(readFileSync(kept, 'utf8')).toBe('old\n');
    expect(kept.startsWith(claudeFolder)).toBe(false);
  });

  it.runIf(canMount)('is kept on another disk too', async () => {
    await withTinyDisk(64, async (disk) => {
      expect(readFileSync(machine(disk.path).keep(1), 'utf8')).toBe('old\n');
    });
  });

  it('is kept for a week, and only the last three are', () => {
    const { keep, sweep, kept, folder } = machine();
    const all = [1, 2, 3, 4].map((day) => keep(day * DAY_MS));
    sweep(4 * DAY_MS);
    expect(
      kept()
        .map((name) => join(folder, name))
        .sort(),
    ).toEqual(all.slice(1).sort());
    sweep(10 * DAY_MS);
    expect(kept()).toHaveLength(2);
    sweep(12 * DAY_MS);
    expect(existsSync(folder)).toBe(false);
  });

  it('is kept until what took its place has grown', () => {
    const { keep, sweep, kept, folder, claudeFolder } = machine();
    keep(1, 4);
    sweep(2);
    expect(kept()).toHaveLength(1);
    writeTranscript(claudeFolder, '-proj', ID, ['old', 'more']);
    sweep(3);
    expect(existsSync(folder)).toBe(false);
  });

  it('does not keep what is not ours from being swept, nor is that touched', () => {
    const { keep, sweep, kept, folder } = machine();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'note.txt'), '');
    keep(1);
    sweep(9 * DAY_MS);
    expect(kept()).toEqual(['note.txt']);
  });
});
