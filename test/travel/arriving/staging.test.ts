import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathOfName, transcriptPath } from '../../../src/claude/session-layout.ts';
import { Staging, sweepStaging } from '../../../src/travel/arriving/staging.ts';
import { sessionId } from '../../support/claude-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../../support/tmpfs.ts';

const ID = sessionId(1);
const canBeRefused = process.getuid?.() !== 0;

async function* of(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

/** A Claude folder, and a way to stage and place a session of two files there. */
function claude(claudeFolder = join(realpathSync(temporaryFolder()), '.claude')) {
  const place = { claudeFolder, projectFolder: '-proj', sessionId: ID };
  const transcript = transcriptPath(place);
  const tool = pathOfName(place, 'tool-results/b1.txt');
  const task = pathOfName(place, 'tasks/1.json');
  const memory = pathOfName(place, 'memory/MEMORY.md');
  const staged = async () => {
    const staging = new Staging(place);
    await staging.write(transcript, of('new\n', 'lines\n'));
    await staging.write(tool, of('result'));
    await staging.write(task, of('{}'));
    return staging;
  };
  return { claudeFolder, place, transcript, tool, task, memory, staged };
}

const stagingFolders = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /incoming-[^/]*$/.test(name));
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const write = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

describe('a session that is staged', () => {
  it('is nowhere before it is placed, then whole, private and with nothing left behind', async () => {
    const { claudeFolder, transcript, tool, task, staged } = claude();
    const staging = await staged();
    expect(existsSync(join(claudeFolder, 'projects'))).toBe(false);
    expect(staging.size).toEqual({ files: 3, bytes: 18 });
    expect(staging.commit(transcript, () => expect(readFileSync(tool, 'utf8')).toBe('result'))).toEqual([]);
    staging.discard();
    expect(readFileSync(transcript, 'utf8')).toBe('new\nlines\n');
    for (const file of [transcript, tool, task]) {
      expect(modeOf(file)).toBe('600');
      expect(modeOf(dirname(file))).toBe('700');
    }
    expect(readdirSync(claudeFolder).sort()).toEqual(['projects', 'tasks']);
  });

  it('has backups of edited files that /rewind can restore: as old and as open as files are', async () => {
    const { place, transcript, staged } = claude();
    const staging = await staged();
    const backup = pathOfName(place, 'file-history/0123456789abcdef@v1');
    const before = process.umask(0o022);
    try {
      await staging.write(backup, of('before'), { isBackup: true });
      staging.commit(transcript, () => {});
    } finally {
      process.umask(before);
    }
    expect([modeOf(backup), modeOf(dirname(backup)), statSync(backup).mtimeMs]).toEqual(['644', '700', 0]);
  });

  it.each([0o000, 0o077, 0o277])('is as private and usable under a umask of %o', async (umask) => {
    const { transcript, tool, staged } = claude();
    const before = process.umask(umask);
    try {
      const staging = await staged();
      staging.commit(transcript, () => {});
      staging.discard();
    } finally {
      process.umask(before);
    }
    expect([modeOf(transcript), modeOf(tool), modeOf(dirname(tool))]).toEqual(['600', '600', '700']);
  });

  it('replaces what is there, but for what belongs to others too', async () => {
    const { place, transcript, tool, memory, staged } = claude();
    for (const file of [transcript, tool, memory]) write(file, 'old');
    const staging = await staged();
    const plan = pathOfName(place, 'plans/a.md');
    await staging.write(memory, of('new'), { mayReplace: false });
    await staging.write(plan, of('new'), { mayReplace: false });
    expect(staging.commit(transcript, () => {})).toEqual([memory]);
    staging.discard();
    expect([transcript, tool, memory, plan].map((file) => readFileSync(file, 'utf8'))).toEqual([
      'new\nlines\n',
      'result',
      'old',
      'new',
    ]);
  });

  it('leaves what was there, and no more, if it can’t be placed after all', async () => {
    const { claudeFolder, transcript, tool, staged } = claude();
    write(transcript, 'old');
    const staging = await staged();
    const refuse = () => {
      throw new Error('open in a claude');
    };
    expect(() => staging.commit(transcript, refuse)).toThrow('open in a claude');
    staging.discard();
    expect(readFileSync(transcript, 'utf8')).toBe('old');
    expect(existsSync(dirname(dirname(tool)))).toBe(false);
    expect(stagingFolders(claudeFolder)).toEqual([]);
    expect(existsSync(join(claudeFolder, 'tasks'))).toBe(false);
  });

  it('is right though each block is overwritten once the next one is asked for', async () => {
    const { place, transcript } = claude();
    const staging = new Staging(place);
    const blocks = async function* () {
      const block = Buffer.alloc(1024 * 1024);
      for (let letter = 97; letter < 107; letter += 1) yield block.fill(letter);
      block.fill('-');
    };
    const path = await staging.write(transcript, blocks());
    const expected = [...'abcdefghij'].map((letter) => letter.repeat(1024 * 1024)).join('');
    expect(readFileSync(path, 'utf8') === expected).toBe(true);
    staging.discard();
  });

  it('takes the last of two for one place', async () => {
    const { transcript, staged } = claude();
    const staging = await staged();
    await staging.write(transcript, of('mended\n'));
    expect(staging.size.files).toBe(3);
    staging.commit(transcript, () => {});
    staging.discard();
    expect(readFileSync(transcript, 'utf8')).toBe('mended\n');
    expect(staging.has(transcript.toUpperCase())).toBe(true);
  });

  it('goes through the links of Claude Code’s own folders, and through none of the session’s', async () => {
    const { claudeFolder, place, transcript, tool, staged } = claude();
    const elsewhere = temporaryFolder();
    mkdirSync(claudeFolder);
    mkdirSync(join(elsewhere, 'projects'));
    symlinkSync(join(elsewhere, 'projects'), join(claudeFolder, 'projects'));
    const first = await staged();
    first.commit(transcript, () => {});
    first.discard();
    expect(readFileSync(join(elsewhere, 'projects', '-proj', `${ID}.jsonl`), 'utf8')).toBe('new\nlines\n');

    const trap = temporaryFolder();
    const other = { ...place, projectFolder: '-other' };
    mkdirSync(join(claudeFolder, 'projects', '-other'));
    symlinkSync(trap, join(claudeFolder, 'projects', '-other', ID));
    const staging = new Staging(other);
    await staging.write(transcriptPath(other), of('new'));
    await staging.write(pathOfName(other, 'tool-results/b1.txt'), of('new'));
    expect(() => staging.commit(transcriptPath(other), () => {})).toThrow(/Something else stands/);
    staging.discard();
    expect(readdirSync(trap)).toEqual([]);
    expect(existsSync(transcriptPath(other))).toBe(false);
    expect(readFileSync(tool, 'utf8')).toBe('result');
  });

  it('replaces a link in the place of its transcript, and not what that leads to', async () => {
    const { transcript, staged } = claude();
    const victim = join(temporaryFolder(), 'victim');
    write(victim, 'mine');
    mkdirSync(dirname(transcript), { recursive: true });
    symlinkSync(victim, transcript);
    const staging = await staged();
    staging.commit(transcript, () => {});
    staging.discard();
    expect(readFileSync(victim, 'utf8')).toBe('mine');
    expect(lstatSync(transcript).isFile()).toBe(true);
  });

  it('says what stands in its way', async () => {
    const { claudeFolder, staged } = claude();
    write(join(claudeFolder, 'projects'), 'a file');
    await expect(staged()).rejects.toThrow(/a part of its path is a file|Something else stands/);
    expect(readdirSync(claudeFolder)).toEqual(['projects']);
    const dangling = claude();
    symlinkSync('/nonexistent/nowhere', dangling.claudeFolder);
    await expect(dangling.staged()).rejects.toThrow(expect.objectContaining({ code: 'refused' }));
  });

  it.runIf(canBeRefused)('says so where the Claude folder is read-only', async () => {
    const { claudeFolder, staged } = claude();
    mkdirSync(claudeFolder, { mode: 0o500 });
    await expect(staged()).rejects.toThrow(/Cannot write .*permission denied/);
    chmodSync(claudeFolder, 0o700);
    expect(readdirSync(claudeFolder)).toEqual([]);
  });

  it.runIf(canMount)('leaves nothing where the disk is full', async () => {
    await withTinyDisk(64, async ({ path }) => {
      const { claudeFolder, transcript, place } = claude(join(path, '.claude'));
      write(transcript, 'old');
      const staging = new Staging(place);
      const block = 'x'.repeat(32 * 1024);
      await expect(staging.write(transcript, of(block, block, block))).rejects.toThrow(/the disk is full/);
      staging.discard();
      expect(readFileSync(transcript, 'utf8')).toBe('old');
      expect(readdirSync(claudeFolder)).toEqual(['projects']);
    });
  });

  it.runIf(canMount)('says so where the Claude folder is on a read-only disk', async () => {
    await withTinyDisk(64, async ({ path, seal }) => {
      const { claudeFolder, staged } = claude(join(path, '.claude'));
      mkdirSync(claudeFolder);
      await seal();
      await expect(staged()).rejects.toThrow(/it is on a read-only disk/);
      expect(readdirSync(claudeFolder)).toEqual([]);
    });
  });

  it.runIf(canMount)('is staged on the disk of the projects, if that is another one', async () => {
    await withTinyDisk(64, async ({ path }) => {
      const { claudeFolder, transcript, tool, task, staged } = claude();
      mkdirSync(claudeFolder);
      symlinkSync(path, join(claudeFolder, 'projects'));
      const staging = await staged();
      staging.commit(transcript, () => {});
      staging.discard();
      expect([transcript, tool, task].map((file) => existsSync(file))).toEqual([true, true, true]);
      expect(readdirSync(path)).toEqual(['-proj']);
      expect(readdirSync(claudeFolder).sort()).toEqual(['projects', 'tasks']);
    });
  });
});

describe('what an import that was killed left behind', () => {
  it('is removed, but not what another one is writing, and nothing behind a link', () => {
    const { claudeFolder } = claude();
    const outside = temporaryFolder();
    write(join(outside, 'kept'), '');
    const folder = (name: string, ageMs = 0) => {
      write(join(claudeFolder, name, '0.part'), '');
      symlinkSync(outside, join(claudeFolder, name, 'link'));
      const time = (Date.now() - ageMs) / 1000;
      utimesSync(join(claudeFolder, name), time, time);
      return name;
    };
    const running = new Staging({ claudeFolder, projectFolder: '-proj', sessionId: ID });
    folder('.cclink-incoming-00000000-1-0123456789abcdef', 25 * 3600_000);
    const others = folder('.cclink-incoming-00000000-1-0123456789abcde0', 3600_000);
    const unlike = folder('.cclink-incoming-mine', 25 * 3600_000);
    sweepStaging(claudeFolder);
    expect(readdirSync(claudeFolder).sort()).toEqual([others, unlike].sort());
    expect(readdirSync(outside)).toEqual(['kept']);
    running.discard();
  });
});
