import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  completeSessionId,
  findTranscripts,
  sessionsMatching,
  transcriptFiles,
  unreadable,
} from '../../src/claude/transcript-files.ts';
import { Failure } from '../../src/failure.ts';
import { said, sampleClaudeFolder, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const codeOf = (action: () => unknown) => {
  try {
    return action();
  } catch (error) {
    return error instanceof Failure ? error.code : error;
  }
};

describe('the session files', () => {
  it('are the transcripts of all project folders, newest first', () => {
    const folder = temporaryFolder();
    writeTranscript(folder, '-a', sessionId(1), [said('/a')], 1_000_000);
    const path = writeTranscript(folder, '-b', sessionId(2), [said('/b')], 3_000_000);
    writeTranscript(folder, '-a', sessionId(3), [said('/a')], 2_000_000);
    const files = transcriptFiles(folder);
    expect(files.map(({ id }) => id)).toEqual([2, 3, 1].map(sessionId));
    expect(files[0]).toEqual({
      id: sessionId(2),
      path,
      projectFolder: '-b',
      modifiedMs: 3_000_000,
      size: JSON.stringify(said('/b')).length + 1,
    });
    expect(transcriptFiles(folder, (name) => name === '-b').map(({ id }) => id)).toEqual([sessionId(2)]);
  });

  it('are found beside what else Claude Code keeps there', () => {
    expect(
      transcriptFiles(sampleClaudeFolder())
        .map(({ id }) => id.slice(0, 8))
        .sort(),
    ).toEqual(['11111111', '22222222', '33333333']);
  });

  it('do not hold files named after something else than a session, links, or folders', () => {
    const folder = temporaryFolder();
    const path = writeTranscript(folder, '-a', sessionId(1), [said('/a')]);
    for (const name of ['agent-0a1b2c3d', 'notes', sessionId(2).replaceAll('-', ''), `A${sessionId(3).slice(1)}`]) {
      writeTranscript(folder, '-a', name, [said('/a')]);
    }
    for (const ending of ['superseded-1795692213509', 'compact.tmp.1']) {
      writeFileSync(join(folder, 'projects/-a', `${sessionId(6)}.jsonl.${ending}`), JSON.stringify(said('/a')));
    }
    mkdirSync(join(folder, 'projects/-a', `${sessionId(4)}.jsonl`));
    symlinkSync(path, join(folder, 'projects/-a', `${sessionId(5)}.jsonl`));
    symlinkSync(join(folder, 'projects/-gone'), join(folder, 'projects/-broken'));
    writeFileSync(join(folder, 'projects/file'), '');
    expect(transcriptFiles(folder).map((file) => file.path)).toEqual([path]);
    for (const number of [4, 5]) expect(findTranscripts(folder, sessionId(number))).toEqual([]);
    expect(findTranscripts(folder, sessionId(1)).map((file) => file.path)).toEqual([path]);
  });

  it('are found in project folders that are links, as Claude Code finds them', () => {
    const folder = temporaryFolder();
    const path = writeTranscript(folder, '-a', sessionId(1), [said('/a')]);
    renameSync(join(folder, 'projects/-a'), join(folder, 'moved'));
    symlinkSync(join(folder, 'moved'), join(folder, 'projects/-a'));
    expect(findTranscripts(folder, sessionId(1))).toMatchObject([{ path, isInLinkedFolder: true }]);
    renameSync(join(folder, 'projects'), join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'projects'));
    expect(transcriptFiles(folder)).toMatchObject([{ path, projectFolder: '-a' }]);
  });

  it('that can not be listed are told, and those that are not there are not', () => {
    const folder = temporaryFolder();
    writeTranscript(folder, '-a', sessionId(1), [said('/a')]);
    symlinkSync('-loop', join(folder, 'projects/-loop'));
    const told: string[] = [];
    const files = transcriptFiles(folder, undefined, (path) => told.push(path));
    expect([files.length, told]).toEqual([1, [join(folder, 'projects/-loop')]]);
    writeFileSync(join(folder, 'file'), '');
    findTranscripts(join(folder, 'file'), sessionId(1), (path, error) => told.push(unreadable(path, error).message));
    expect(told[1]).toBe(`Cannot read ${join(folder, 'file/projects')}: a part of its path is a file, not a folder.`);
    expect(codeOf(() => completeSessionId(join(folder, 'file'), 'aaaaaaaa'))).toBe('no-session');
  });

  it('are none where Claude Code never ran', () => {
    expect(transcriptFiles(join(temporaryFolder(), 'nothing'))).toEqual([]);
    expect(findTranscripts(join(temporaryFolder(), 'nothing'), sessionId(1))).toEqual([]);
  });

  it('are all found by their id, and by nothing that is a path', () => {
    const folder = temporaryFolder();
    writeTranscript(folder, '-a', sessionId(1), [said('/a')], 1_000_000);
    writeTranscript(folder, '-b', sessionId(1), [said('/a')], 2_000_000);
    writeTranscript(folder, '-b', 'secret', [said('/a')]);
    expect(findTranscripts(folder, sessionId(1)).map(({ projectFolder }) => projectFolder)).toEqual(['-b', '-a']);
    expect(findTranscripts(folder, '../-b/secret')).toEqual([]);
    expect(findTranscripts(folder, 'secret')).toEqual([]);
  });
});

describe('the beginning of a session id', () => {
  const folderOf = (...ids: string[]) => {
    const folder = temporaryFolder();
    for (const id of ids) writeTranscript(folder, '-a', id, [said('/a')]);
    return folder;
  };
  const [ONE, TWO] = ['aaaaaaaa-1111-4111-8111-111111111111', 'aaaaaaaa-2222-4222-8222-222222222222'];

  it('is completed to the one session that has it', () => {
    const folder = folderOf(ONE, TWO);
    writeTranscript(folder, '-b', ONE, [said('/b')]);
    expect(completeSessionId(folder, 'AAAAAAAA-1')).toBe(ONE);
    expect(sessionsMatching(folder, 'aaaaaaaa')).toEqual([ONE, TWO]);
  });

  it('is refused where several have it, and not found where none has', () => {
    const folder = folderOf(ONE, TWO);
    expect(codeOf(() => completeSessionId(folder, 'aaaaaaaa'))).toBe('usage');
    expect(codeOf(() => completeSessionId(folder, 'aaaaaaaa-3'))).toBe('no-session');
    expect(codeOf(() => completeSessionId(folder, 'aaaaaaa'))).toBe('usage');
  });

  it('needs no completion when it is the whole id, whether its file is here or not', () => {
    expect(completeSessionId(temporaryFolder(), ONE.toUpperCase())).toBe(ONE);
  });
});
