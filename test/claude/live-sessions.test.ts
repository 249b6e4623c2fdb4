import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { liveSessions, parsePidFile } from '../../src/claude/live-sessions.ts';
import { sessionId } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isLinux = process.platform === 'linux';

/** A process that does nothing until it is killed, at the latest when the test ends. */
async function runningProcess() {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000); console.log()'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  // The program's name in field 2 has no space here, so field 22 can be counted from the start.
  const started = isLinux ? (readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] ?? '') : 'unknown';
  return { child, pid, started };
}

function folderWith(files: Record<string, unknown>): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sessions'));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, 'sessions', name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

describe('a live session', () => {
  it('is one whose process runs, and no longer', async () => {
    const { child, pid, started } = await runningProcess();
    const record = { pid, sessionId: sessionId(1), cwd: '/data/app', startedAt: 1, version: '2.1.329' };
    const folder = folderWith({ [`${pid}.json`]: record, [`${pid}.0123.key`]: { peerToken: 'x' } });
    const live = [{ pid, sessionId: sessionId(1), cwd: '/data/app' }];
    expect(liveSessions(folder)).toEqual(live);
    writeFileSync(join(folder, 'sessions', `${pid}.json`), JSON.stringify({ ...record, procStart: started }));
    expect(liveSessions(folder)).toEqual(live);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(liveSessions(folder)).toEqual([]);
  });

  it.runIf(isLinux)('is not one whose process number went to another process', async () => {
    const { pid, started } = await runningProcess();
    const record = { pid, sessionId: sessionId(1), cwd: '/data/app', procStart: String(Number(started) - 100) };
    expect(liveSessions(folderWith({ [`${pid}.json`]: record }))).toEqual([]);
  });

  it.runIf(isLinux)(
    'is not one whose file is older than the process, where it does not say when that started',
    async () => {
      const { pid } = await runningProcess();
      const folder = folderWith({ [`${pid}.json`]: { pid, sessionId: sessionId(1), cwd: '/data/app' } });
      expect(liveSessions(folder)).toHaveLength(1);
      utimesSync(join(folder, 'sessions', `${pid}.json`), Date.now() / 1000 - 60, Date.now() / 1000 - 60);
      expect(liveSessions(folder)).toEqual([]);
    },
  );

  it('is not told by files of another form', () => {
    const { pid } = process;
    const record = { pid, sessionId: sessionId(1), cwd: '/' };
    const folder = folderWith({
      [`${pid}.json`]: { ...record, more: 'x'.repeat(70_000) },
      [`0${pid}.json`]: record,
      [`${pid}.json.tmp`]: record,
      '0.json': { ...record, pid: 0 },
      '1.json': { ...record, pid: 1 },
      '-1.json': { ...record, pid: -1 },
      '4294967297.json': { ...record, pid: 4294967297 },
      '1e1.json': { ...record, pid: 10 },
      'x.json': record,
    });
    expect(liveSessions(folder)).toEqual([]);
    expect(liveSessions(folderWith({ [`${pid}.json`]: record }))).toHaveLength(1);
    for (const content of [
      '',
      'null',
      [],
      { ...record, pid: 5 },
      { ...record, sessionId: 'x' },
      { ...record, cwd: 5 },
    ]) {
      expect(liveSessions(folderWith({ [`${pid}.json`]: content }))).toEqual([]);
    }
  });

  it('is not told by a link or a folder', () => {
    const { pid } = process;
    const folder = folderWith({});
    writeFileSync(join(folder, 'outside'), JSON.stringify({ pid, sessionId: sessionId(1), cwd: '/' }));
    symlinkSync(join(folder, 'outside'), join(folder, 'sessions', `${pid}.json`));
    mkdirSync(join(folder, 'sessions', `${process.ppid}.json`));
    expect(liveSessions(folder)).toEqual([]);
  });

  it('is not there where Claude Code never ran', () => {
    expect(liveSessions(join(temporaryFolder(), 'nothing'))).toEqual([]);
  });

  it('is read from any text without a throw', () => {
    const record = fc.record(
      {
        pid: fc.oneof(fc.constant(7), fc.anything()),
        sessionId: fc.oneof(fc.uuid(), fc.anything()),
        cwd: fc.anything(),
        procStart: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      record.map((it) => JSON.stringify(it, (_, value) => (typeof value === 'bigint' ? String(value) : value)) ?? ''),
    );
    fc.assert(
      fc.property(text, (content) => {
        const parsed = parsePidFile(content, 7);
        if (parsed === null) return;
        expect(parsed.pid).toBe(7);
        expect(parsed.sessionId).toMatch(/^[0-9a-f-]{36}$/);
        expect(typeof parsed.cwd).toBe('string');
      }),
    );
  });
});
