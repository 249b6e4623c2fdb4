import { mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { findsAnywhere, resumePlace } from '../../src/claude/resume-place.ts';
import { findTranscripts } from '../../src/claude/transcript-files.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ID = sessionId(1);

function machine() {
  const root = realpathSync(temporaryFolder());
  const claude = join(root, 'claude');
  return {
    root,
    directory(name: string): string {
      mkdirSync(join(root, name), { recursive: true });
      return join(root, name);
    },
    transcript: (projectFolder: string, lines: object[], modifiedMs?: number) =>
      writeTranscript(claude, projectFolder, ID, lines, modifiedMs),
    place(...hints: string[]) {
      const place = resumePlace(findTranscripts(claude, ID), hints);
      return place && { directory: place.directory, exists: place.exists };
    },
    foundBy: (...hints: string[]) => resumePlace(findTranscripts(claude, ID), hints)?.foundBy,
    claude,
  };
}

describe('the place to resume a session', () => {
  it('is the directory in which it was started', () => {
    const { directory, transcript, place } = machine();
    const app = directory('app');
    transcript(slugOf(app), [said(directory('app/sub')), said(app)]);
    expect(place()).toEqual({ directory: app, exists: true });
  });

  it('is where it was moved to, if its transcript moved along', () => {
    for (const moved of [true, false]) {
      const { directory, transcript, place } = machine();
      const [old, now] = [directory('old'), directory('now')];
      transcript(slugOf(moved ? now : old), [said(old), said(now), { type: 'relocated', relocatedCwd: now }]);
      expect(place()).toEqual({ directory: moved ? now : old, exists: true });
    }
  });

  it('says so when that directory is not on this machine', () => {
    const { root, transcript, place } = machine();
    transcript(slugOf('/home/alice/proj'), [said('/home/alice/proj')]);
    expect(place(root)).toEqual({ directory: '/home/alice/proj', exists: false });
    writeFileSync(join(root, 'file'), '');
    transcript(slugOf(join(root, 'file')), [said(join(root, 'file'))], 9_000_000_000_000);
    expect(place(root)).toEqual({ directory: join(root, 'file'), exists: false });
  });

  it('is the hinted directory whose name fits, where the transcript names others only', () => {
    const { root, directory, transcript, place } = machine();
    const [app, other] = [directory('app'), directory('other')];
    symlinkSync(app, join(root, 'link'));
    transcript(slugOf(app), [said('/home/alice/proj')]);
    expect(place(other, app)).toEqual({ directory: app, exists: true });
    // A stranger's path is compared by name; symbolic links in it are not followed.
    expect(place(join(root, 'link'))).toEqual({ directory: null, exists: false });
    expect(place(other, '…/app', 'app', '')).toEqual({ directory: null, exists: false });
  });

  it('prefers, of several copies, one whose directory exists, then the newest', () => {
    const { directory, transcript, place } = machine();
    const [here, there] = [directory('here'), directory('there')];
    transcript(slugOf('/gone/new'), [said('/gone/new')], 3_000_000);
    transcript(slugOf('/gone/old'), [said('/gone/old')], 1_000_000);
    expect(place()).toEqual({ directory: '/gone/new', exists: false });
    transcript(slugOf(here), [said(here)], 1_500_000);
    expect(place()).toEqual({ directory: here, exists: true });
    transcript(slugOf(there), [said(there)], 2_000_000);
    expect(place()).toEqual({ directory: there, exists: true });
  });

  it('is the recorded directory where the project folder was named by hand', () => {
    const { directory, transcript, place } = machine();
    transcript('my_project', [said(directory('app'))]);
    expect(place()).toEqual({ directory: directory('app'), exists: true });
  });

  it('is not there without a transcript', () => {
    expect(resumePlace([], ['/'])).toBe(null);
  });

  it('is one that every Claude Code finds, if there is one', () => {
    const { root, directory, transcript, place, foundBy } = machine();
    const app = directory('data/app');
    symlinkSync('data', join(root, 'work'));
    // Recorded through a link, in the folder of the real path.
    transcript(slugOf(app), [said(join(root, 'work/app'))]);
    expect([place(), foundBy()]).toEqual([{ directory: join(root, 'work/app'), exists: true }, 'every']);
  });

  it('is known to be one that only newer versions find, and only where they will', () => {
    const { root, claude, directory, transcript, place, foundBy } = machine();
    directory('data/app');
    symlinkSync('data', join(root, 'work'));
    // On the other machine `work` was no link.
    const recorded = join(root, 'work/app');
    const folder = slugOf(recorded);
    transcript(folder, [said(recorded)]);
    expect([place(), foundBy()]).toEqual([{ directory: recorded, exists: true }, 'since 2.1.223']);
    transcript(slugOf('/gone'), [said('/gone')]);
    expect([place(), foundBy()]).toEqual([{ directory: recorded, exists: true }, 'none']);
    rmSync(join(claude, 'projects', slugOf('/gone')), { recursive: true });
    renameSync(join(claude, 'projects', folder), join(root, 'moved'));
    symlinkSync(join(root, 'moved'), join(claude, 'projects', folder));
    expect(foundBy()).toBe('none');
  });

  it('is spelled as it exists here', () => {
    const { root, directory, transcript, place, foundBy } = machine();
    const app = directory('Gru\u0308n');
    transcript(slugOf(join(root, 'Gr\u00fcn')), [said(join(root, 'Gr\u00fcn'))]);
    expect([place(), foundBy()]).toEqual([{ directory: app, exists: true }, 'every']);
  });
});

describe('a version of Claude Code', () => {
  it('finds sessions of other directories since 2.1.223', () => {
    const versions = ['1.0.300', '2.0.76', '2.1.119', '2.1.222', '2.1.223', '2.1.1000', '2.2.0', '3.0.0'];
    expect(versions.filter(findsAnywhere)).toEqual(['2.1.223', '2.1.1000', '2.2.0', '3.0.0']);
  });
});
