import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { sessionContents } from '../../src/claude/session-contents.ts';
import { findTranscripts } from '../../src/claude/transcript-files.ts';
import { sampleClaudeFolder } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TOOLCALL = '22222222-2222-4222-8222-222222222222';
const SUBAGENT = '33333333-3333-4333-8333-333333333333';
const SECRET = 'sk-ant-oat01-secret';

let claudeFolder: string;
let project: string;

beforeEach(() => {
  claudeFolder = sampleClaudeFolder();
  project = join(claudeFolder, 'projects/-home-alice-proj');
});

function contentsOf(id: string, { memory = false, secrets = [] as readonly string[] } = {}) {
  const [transcript] = findTranscripts(claudeFolder, id);
  if (transcript === undefined) throw new Error('no transcript');
  return sessionContents(claudeFolder, transcript, { memory, secrets });
}

const namesOf = (id: string, options = {}) => contentsOf(id, options).files.map(({ name }) => name);
const beside = (id: string, name: string) => join(project, id, name);

function put(path: string, content = SECRET): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

describe('the files of a session', () => {
  it('are its transcript first, then what lies beside it and elsewhere under its id', () => {
    expect(namesOf(TOOLCALL)).toEqual([
      'session.jsonl',
      'custom-title.json',
      'tool-results/bccoq34fh.txt',
      'file-history/33791abf6426da55@v2',
      'file-history/d7bbc69567344dba@v1',
      'file-history/d7bbc69567344dba@v2',
    ]);
    expect(namesOf(SUBAGENT)).toEqual([
      'session.jsonl',
      'subagents/agent-a91be4f6af13cfecb.jsonl',
      'subagents/agent-a91be4f6af13cfecb.meta.json',
    ]);
    const { files, bytes, left } = contentsOf(TOOLCALL);
    expect(bytes).toBe(files.reduce((sum, { size }) => sum + size, 0));
    expect(left).toEqual([]);
  });

  it('are its tasks too, without their lock, and the memory of its project if asked for', () => {
    put(join(claudeFolder, 'tasks', TOOLCALL, '1.json'), '{}');
    put(join(claudeFolder, 'tasks', TOOLCALL, '.lock'), '');
    put(join(project, 'memory/notes.md'), 'notes');
    expect(namesOf(TOOLCALL)).toContain('tasks/1.json');
    expect(namesOf(TOOLCALL)).not.toContain('memory/notes.md');
    expect(namesOf(TOOLCALL, { memory: true })).toContain('memory/notes.md');
    expect(contentsOf(TOOLCALL).left).toEqual([]);
  });

  it('are found where the project folder is a link, as Claude Code finds them', () => {
    const real = join(temporaryFolder(), 'moved');
    execFileSync('mv', [project, real]);
    symlinkSync(real, project);
    expect(namesOf(TOOLCALL)).toHaveLength(6);
  });

  it('are none of another session, of the project, or of Claude Code itself', () => {
    for (const name of ['.credentials.json', '.claude.json', 'settings.json', 'history.jsonl', 'sessions/1.json']) {
      put(join(claudeFolder, name));
    }
    for (const name of [`session-env/${TOOLCALL}/a`, 'shell-snapshots/a.sh', `todos/${TOOLCALL}.json`, 'backups/a']) {
      put(join(claudeFolder, name));
    }
    put(join(project, `${TOOLCALL}.jsonl.superseded-1`));
    put(join(project, 'sessions-index.json'));
    expect(namesOf(TOOLCALL, { memory: true })).toHaveLength(6);
  });

  it('are told from what is not carried, with the reason and a few names', () => {
    for (let i = 0; i < 5; i++) put(beside(TOOLCALL, `tool-results/.hidden${i}`));
    put(beside(TOOLCALL, 'settings.json'));
    put(beside(TOOLCALL, 'tool-results/deep/file.txt'));
    put(beside(TOOLCALL, 'other/file.txt'));
    expect(namesOf(TOOLCALL)).toHaveLength(6);
    expect(contentsOf(TOOLCALL).left).toEqual([
      {
        what: 'other, settings.json, tool-results/.hidden0 and 5 more',
        why: 'is no kind of file that cclink carries',
      },
    ]);
  });
});

describe('what may not leave', () => {
  it('does not come by a symbolic link, be it a file, a folder, or one of the folders above', () => {
    const secrets = join(temporaryFolder(), 'secrets');
    put(join(secrets, 'agent-1.jsonl'));
    put(join(secrets, '1.json'));
    symlinkSync(put(join(claudeFolder, '.credentials.json')), beside(TOOLCALL, 'tool-results/credentials.txt'));
    symlinkSync(secrets, beside(TOOLCALL, 'subagents'));
    mkdirSync(join(claudeFolder, 'tasks'), { recursive: true });
    symlinkSync(secrets, join(claudeFolder, 'tasks', TOOLCALL));
    symlinkSync(secrets, join(project, 'memory'));
    expect(namesOf(TOOLCALL, { memory: true })).toHaveLength(6);
    expect(contentsOf(TOOLCALL, { memory: true }).left).toEqual([
      {
        what: 'subagents, tool-results/credentials.txt, tasks and 1 more',
        why: 'is a symbolic link, which is not followed',
      },
    ]);
    renameSync(join(project, TOOLCALL), join(secrets, 'session'));
    symlinkSync(join(secrets, 'session'), join(project, TOOLCALL));
    expect(namesOf(TOOLCALL).map((name) => name.replace(/\/.*/, ''))).toEqual([
      'session.jsonl',
      ...Array(3).fill('file-history'),
    ]);
  });

  it.each([
    '.credentials.json',
    'settings.local.json',
    'sessions/1.json',
    'backups/.claude.json.backup',
    'session-env/a/b',
  ])('does not come as a hard link: %s', (name) => {
    const secret = put(join(claudeFolder, name));
    linkSync(secret, beside(TOOLCALL, 'tool-results/result.txt'));
    expect(namesOf(TOOLCALL)).not.toContain('tool-results/result.txt');
    expect(contentsOf(TOOLCALL).left).toEqual([
      { what: 'tool-results/result.txt', why: 'is the same file as one that must not leave this machine' },
    ]);
  });

  it('does not come as a hard link to a file that is kept elsewhere, nor to where a link leads', () => {
    const elsewhere = temporaryFolder();
    const key = put(join(elsewhere, 'secret_key'));
    linkSync(key, beside(TOOLCALL, 'tool-results/key.txt'));
    const credentials = put(join(elsewhere, 'dotfiles/credentials'));
    symlinkSync(credentials, join(claudeFolder, '.credentials.json'));
    linkSync(credentials, beside(TOOLCALL, 'tool-results/credentials.txt'));
    expect(namesOf(TOOLCALL, { secrets: [key] })).toHaveLength(6);
  });

  it('is not taken for a transcript', () => {
    rmSync(join(project, `${TOOLCALL}.jsonl`));
    linkSync(put(join(claudeFolder, '.credentials.json')), join(project, `${TOOLCALL}.jsonl`));
    expect(() => contentsOf(TOOLCALL)).toThrow(/must not leave this machine/);
  });

  it('leaves other hard links alone, as backups make them', () => {
    linkSync(beside(TOOLCALL, 'tool-results/bccoq34fh.txt'), join(temporaryFolder(), 'backup'));
    expect(namesOf(TOOLCALL)).toHaveLength(6);
  });

  it('is no pipe, which would keep us waiting, and no file of another user', () => {
    execFileSync('mkfifo', [beside(TOOLCALL, 'tool-results/pipe')]);
    expect(namesOf(TOOLCALL)).toHaveLength(6);
    expect(contentsOf(TOOLCALL).left).toEqual([{ what: 'tool-results/pipe', why: 'is not a regular file' }]);
    if (process.getuid?.() !== 0) return;
    chownSync(beside(TOOLCALL, 'tool-results/bccoq34fh.txt'), 12345, 12345);
    expect(namesOf(TOOLCALL)).toHaveLength(5);
  });

  it('says that a transcript is gone', () => {
    const [transcript] = findTranscripts(claudeFolder, TOOLCALL);
    if (transcript === undefined) throw new Error('no transcript');
    appendFileSync(transcript.path, '\n');
    rmSync(transcript.path);
    expect(() => sessionContents(claudeFolder, transcript, { memory: false, secrets: [] })).toThrow(/no such file/);
  });
});
