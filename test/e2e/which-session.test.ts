import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { laptop, useTwoMachines } from '../support/two-machines.ts';

useTwoMachines(1);
beforeEach(async () => void (await laptop.init()));

const HOUR = 3600_000;

/** A session of the laptop's project that was last used some hours ago. */
function session(number: number, hoursAgo: number, lines: object[] = [said(laptop.project, `talk ${number}`)]): string {
  const id = sessionId(number);
  writeTranscript(laptop.claudeFolder, slugOf(laptop.project), id, lines, Date.now() - hoursAgo * HOUR);
  return id;
}

/** Marks a session as open in this process, as Claude Code does. */
function open(id: string, cwd = laptop.project): void {
  mkdirSync(join(laptop.claudeFolder, 'sessions'), { recursive: true });
  const file = join(laptop.claudeFolder, 'sessions', `${process.pid}.json`);
  writeFileSync(file, JSON.stringify({ pid: process.pid, sessionId: id, cwd }));
}

/** What a publish without an id would take, where nobody can be asked. */
async function taken(env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await laptop.run(['--dry-run', '--json'], { env });
  return { code, id: code === 0 ? (JSON.parse(stdout).session.id as string) : null, stderr };
}

describe('the session that is published', () => {
  it('is the newest, also where another one is marked as open, which is then said', async () => {
    const [marked, newest] = [session(1, 3), session(2, 0)];
    open(marked);
    const { id, stderr } = await taken();
    expect([id, stderr.includes(`cclink ${marked}`)], stderr).toEqual([newest, true]);
  });

  it('is none of another folder; those are named, each above the line that publishes it', async () => {
    const [newer, older] = [session(1, 1), session(2, 2)];
    const elsewhere = join(laptop.home, 'elsewhere');
    mkdirSync(elsewhere);
    const { code, stderr } = await laptop.run([], { cwd: elsewhere });
    expect([code, stderr.split('\n').slice(2)]).toEqual([
      7,
      [
        `“talk 1”, 60 minutes ago, in ${laptop.project}:`,
        `  cclink ${newer}`,
        `“talk 2”, 2 hours ago, in ${laptop.project}:`,
        `  cclink ${older}`,
        '',
      ],
    ]);
  });

  it('is one that somebody typed in, not a newer one of claude -p or of local commands', async () => {
    const typed = session(1, 1);
    const run = { ...said(laptop.project, 'write a commit message'), entrypoint: 'sdk-cli' };
    session(2, 0.1, [run]);
    session(3, 0, [said(laptop.project, '<command-name>/clear</command-name>')]);
    session(4, 0, [{ ...said(laptop.project), isSidechain: true }]);
    expect(await taken()).toMatchObject({ code: 0, id: typed });
    expect((await laptop.run([sessionId(4), '--dry-run'])).code).toBe(7);
  });

  it('is not one that a stale CLAUDE_CODE_SESSION_ID names, and that is said', async () => {
    const [old, fresh] = [session(1, 50), session(2, 1)];
    for (const env of [{ CLAUDE_CODE_SESSION_ID: old }, { CLAUDE_CODE_SESSION_ID: old, CLAUDECODE: '1' }]) {
      expect(await taken(env)).toMatchObject({ id: fresh });
      const { stderr } = await laptop.run(['--dry-run'], { env });
      expect(stderr).toContain(`session ${old}, which CLAUDE_CODE_SESSION_ID names, is not open`);
    }
    // Of a terminal that was opened this morning.
    expect(await taken({ CLAUDE_CODE_SESSION_ID: session(3, 3) })).toMatchObject({ id: fresh });
    expect(await taken({ CLAUDE_CODE_SESSION_ID: session(4, 0.1) })).toMatchObject({ id: sessionId(4) });
    for (const lines of [[said(laptop.project, '<command-name>/clear</command-name>')], []]) {
      const { id, stderr } = await taken({ CLAUDE_CODE_SESSION_ID: session(5, 0, lines) });
      expect([id, stderr.includes('is not open, and holds no conversation')], stderr).toEqual([sessionId(4), true]);
    }
  });

  it('names its directory, also where its newest file is a copy in the project folder of another', async () => {
    const id = session(1, 1);
    writeTranscript(laptop.claudeFolder, '-somewhere-else', id, [said(laptop.project)], Date.now());
    const { stdout } = await laptop.run([id, '--dry-run', '--json']);
    expect(JSON.parse(stdout).session).toMatchObject({ id, project: laptop.project });
  });

  it('is one of another folder that the variable names and that is newer, which is then said', async () => {
    const [here, there] = [session(1, 1), sessionId(2)];
    writeTranscript(laptop.claudeFolder, '-somewhere-else', there, [said('/somewhere/else')], Date.now());
    const { id, stderr } = await taken({ CLAUDE_CODE_SESSION_ID: there });
    expect([id, stderr.includes(`cclink ${here}`)], stderr).toEqual([there, true]);
  });

  it('is not one that Claude Code could not resume, although the variable names it and there is no other', async () => {
    const CLAUDE_CODE_SESSION_ID = session(1, 0, [{ ...said(laptop.project), isSidechain: true }]);
    expect(await taken({ CLAUDE_CODE_SESSION_ID })).toMatchObject({ code: 7 });
  });

  it('is not named in the line for another terminal where the variable is stale', async () => {
    const env = { CLAUDE_CODE_SESSION_ID: session(1, 50), CLAUDECODE: '1' };
    const { code, stderr } = await laptop.run(['--pin', '--ttl', '1h'], { env });
    expect([code, /cclink --pin --ttl 1h$/m.test(stderr)], stderr).toEqual([5, true]);
  });

  it('is the one that runs the command, whatever its file says, or before it has one', async () => {
    const [running] = [session(1, 50), session(2, 1)];
    open(running, '/elsewhere');
    const CLAUDE_CODE_SESSION_ID = running;
    expect(await taken({ CLAUDE_CODE_SESSION_ID })).toMatchObject({ id: running });
    const unwritten = sessionId(3);
    expect(await taken({ CLAUDE_CODE_SESSION_ID: unwritten, CLAUDECODE: '1' })).toMatchObject({ id: unwritten });
    const short = session(4, 0, [said(laptop.project, '<command-name>/clear</command-name>')]);
    expect(await taken({ CLAUDE_CODE_SESSION_ID: short, CLAUDECODE: '1' })).toMatchObject({ id: short });
  });

  it('is found where it is open here, and its file lies elsewhere', async () => {
    const id = sessionId(1);
    writeTranscript(laptop.claudeFolder, '-somewhere-else', id, [said('/somewhere/else')]);
    expect((await taken()).code).toBe(7);
    open(id);
    expect(await taken()).toMatchObject({ id });
  });
});

describe('what can not be read', () => {
  it('is told, and not taken for nothing', async () => {
    mkdirSync(laptop.claudeFolder, { recursive: true });
    const projects = join(laptop.claudeFolder, 'projects');
    symlinkSync('projects', projects);
    const { code, stderr } = await laptop.run(['--dry-run']);
    expect(code).toBe(7);
    expect(stderr).toContain(`Cannot read ${projects}: its symbolic links lead in a circle.`);
  });

  it('because of its permissions, is told with its path', () => {
    const PROGRAM = fileURLToPath(new URL('../../bin/cclink.cjs', import.meta.url));
    const id = session(1, 0);
    const path = join(laptop.claudeFolder, 'projects', slugOf(laptop.project), `${id}.jsonl`);
    chmodSync(path, 0);
    // Root reads everything, unless that capability is taken away.
    const isRoot = process.getuid?.() === 0;
    const asOthers = isRoot ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];
    for (const args of [[], [id]]) {
      const [program = '', ...words] = [...asOthers, process.execPath, PROGRAM, '--dry-run', ...args];
      const { status, stderr } = spawnSync(program, words, {
        cwd: laptop.project,
        env: laptop.env,
        encoding: 'utf8',
      });
      expect([status, stderr.includes(`Cannot read ${path}: permission denied.`)], stderr).toEqual([7, true]);
    }
  });
});
