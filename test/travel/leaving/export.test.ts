import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf, sign } from '../../../src/crypto/ed25519.ts';
import { encodePublicKey } from '../../../src/identity/public-key.ts';
import { ContentChanged } from '../../../src/travel/bundle/bundle-writer.ts';
import { type ExportOptions, exportToFile, prepareExport } from '../../../src/travel/leaving/export.ts';
import { collect } from '../../support/chunks.ts';
import { sampleClaudeFolder, sessionId, writeTranscript } from '../../support/claude-folder.ts';
import { contentsIn, leavingOptions, openedBundle, RECIPIENT, transcriptIn } from '../../support/departure.ts';
import { openFilesIn } from '../../support/open-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const SEED = new Uint8Array(32).fill(5);
const SEAL = {
  recipient: RECIPIENT,
  sign: (message: Uint8Array) => sign(SEED, message),
  mayReplace: false,
};
const SIMPLE = '11111111-1111-4111-8111-111111111111';
const TOOLCALL = '22222222-2222-4222-8222-222222222222';
const SUBAGENT = '33333333-3333-4333-8333-333333333333';

let claudeFolder: string;
let file: string;

beforeEach(() => {
  claudeFolder = sampleClaudeFolder();
  file = join(temporaryFolder(), 'session.cclink');
});

const transcriptOf = (id: string) => transcriptIn(claudeFolder, id);
const contentsOf = (id: string) => contentsIn(claudeFolder, id);
const optionsFor = (id: string, more: Partial<ExportOptions> = {}): ExportOptions => ({
  ...leavingOptions(claudeFolder, id),
  audience: { mode: 'self' },
  from: encodePublicKey(publicKeyOf(SEED)),
  handoff: null,
  ...more,
});

/** Exports a session to the file, and opens that. */
async function exported(id: string, more: Partial<ExportOptions> = {}) {
  const written = await exportToFile(file, contentsOf(id), optionsFor(id, more), SEAL);
  const bytes = readFileSync(file);
  expect(written?.bytes).toBe(bytes.length);
  return openedBundle(bytes);
}

const linesOf = (text: string | undefined) => (text ?? '').split('\n').filter((line) => line !== '');
const typesOf = (text: string | undefined) =>
  linesOf(text).map((line) => {
    const { type, attachment } = JSON.parse(line);
    return attachment === undefined ? type : attachment.type;
  });

const said = (number: number, text = `prompt ${number}`) => ({
  type: 'user',
  message: { role: 'user', content: text },
  uuid: sessionId(number),
  parentUuid: number === 0 ? null : sessionId(number - 1),
  timestamp: `2026-11-20T10:00:${String(number % 60).padStart(2, '0')}.000Z`,
  cwd: '/home/alice/proj',
});

/** A session of many records, so that it is read in several blocks. */
function addLargeSession(records = 3000): { id: string; path: string } {
  const id = sessionId(42);
  const lines = Array.from({ length: records }, (_, i) => said(i, `prompt ${i} ${'x'.repeat(1000)}`));
  return { id, path: writeTranscript(claudeFolder, '-home-alice-proj', id, lines) };
}

describe('a session that is exported', () => {
  it('says what it is before anything else', async () => {
    const { manifest } = await exported(TOOLCALL, {
      git: { remote: null, prefix: '', branch: 'main', commit: null, changedFiles: 1, unpushedCommits: 0 },
    });
    expect(manifest).toMatchObject({
      format: 1,
      session: TOOLCALL,
      title: 'notes cleanup',
      turns: 6,
      lastPrompt: expect.any(String),
      lastChange: expect.stringMatching(/^2026-11-/),
      directory: '/home/alice/proj',
      home: '/home/alice',
      claudeFolder,
      projectFolder: '-home-alice-proj',
      platform: 'linux',
      host: 'laptop',
      claudeVersion: '2.1.329',
      git: { branch: 'main', changedFiles: 1 },
      from: encodePublicKey(publicKeyOf(SEED)),
      audience: { mode: 'self' },
      createdAt: '2026-11-20T12:30:00.123Z',
      handoff: null,
    });
    expect(manifest.tools).toContain('Bash');
    expect(manifest.left.map(({ what }) => what).join()).toContain('system prompt');
  });

  it('has all its files, the side files as they are', async () => {
    const { files } = await exported(TOOLCALL);
    expect([...files.keys()]).toEqual(contentsOf(TOOLCALL)().files.map(({ name }) => name));
    for (const { name, path } of contentsOf(TOOLCALL)().files.slice(1)) {
      expect(files.get(name), name).toBe(readFileSync(path, 'utf8'));
    }
    rmSync(file);
    const withAgents = await exported(SUBAGENT);
    expect([...withAgents.files.keys()].filter((name) => name.startsWith('subagents/'))).toHaveLength(2);
  });

  it('leaves behind what would be sent as a system prompt, and what would change permissions', async () => {
    const types = typesOf((await exported(SIMPLE)).files.get('session.jsonl'));
    const before = typesOf(readFileSync(transcriptOf(SIMPLE).path, 'utf8'));
    for (const dropped of ['prompt_snapshot', 'permission-mode', 'api-request', 'api-request-blob']) {
      expect(before).toContain(dropped);
      expect(types).not.toContain(dropped);
    }
    expect(types).toContain('user');
    expect(types).toContain('environment');
  });

  it('is filtered in full for anybody else, subagents too', async () => {
    const { path } = transcriptOf(SUBAGENT);
    appendFileSync(path, 'no json\n{"type":"user"}\n');
    const own = await exported(SUBAGENT);
    rmSync(file);
    const audience = { mode: 'share', publicKey: encodePublicKey(publicKeyOf(SEED)) } as const;
    const theirs = await exported(SUBAGENT, { audience });
    expect(own.files.get('session.jsonl')).toContain('no json');
    expect(theirs.files.get('session.jsonl')).not.toContain('no json');
    const agent = [...theirs.files.keys()].find((name) => name.endsWith('.jsonl') && name !== 'session.jsonl') ?? '';
    expect(typesOf(own.files.get(agent))).toContain('deferred_tools_delta');
    expect(typesOf(theirs.files.get(agent)).filter((type) => !['user', 'assistant', 'system'].includes(type))).toEqual(
      [],
    );
    expect(theirs.manifest.left.map(({ what }) => what).join()).toContain(` in ${agent}`);
  });

  it('takes for somebody else only the backups of files that /rewind may restore there', async () => {
    const id = sessionId(8);
    const backup = (name: string) => ({ backupFileName: name, version: 1, backupTime: '2026-11-20T10:00:00.000Z' });
    const [plain, hidden, orphan] = ['0123456789abcdef@v1', 'fedcba9876543210@v1', 'aaaaaaaaaaaaaaaa@v1'];
    const trackedFileBackups = { 'src/app.ts': backup(plain), '.env': backup(hidden) };
    const snapshot = { messageId: sessionId(0), trackedFileBackups, timestamp: '2026-11-20T10:00:00.000Z' };
    const record = { type: 'file-history-snapshot', messageId: sessionId(0), snapshot, isSnapshotUpdate: false };
    writeTranscript(claudeFolder, '-home-alice-proj', id, [said(0), record]);
    mkdirSync(join(claudeFolder, 'file-history', id), { recursive: true });
    for (const name of [plain, hidden, orphan]) writeFileSync(join(claudeFolder, 'file-history', id, name), name);
    const backupsIn = ({ files }: { files: Map<string, string> }) =>
      [...files.keys()].filter((name) => name.startsWith('file-history/'));
    expect(backupsIn(await exported(id))).toHaveLength(3);
    rmSync(file);
    const theirs = await exported(id, { audience: { mode: 'pin' } });
    expect(backupsIn(theirs)).toEqual([`file-history/${plain}`]);
    const what = 'backups of files';
    expect(theirs.manifest.left.filter((loss) => loss.what === what)).toHaveLength(1);
  });

  it('leaves out thinking if asked to', async () => {
    const id = sessionId(7);
    const thinking = { type: 'thinking', thinking: 'let me see', signature: 'abc' };
    const answer = {
      type: 'assistant',
      message: { role: 'assistant', content: [thinking, { type: 'text', text: 'done' }] },
    };
    const records = [said(0), { ...said(1), ...answer }];
    writeTranscript(claudeFolder, '-home-alice-proj', id, records);
    expect((await exported(id)).files.get('session.jsonl')).toContain('let me see');
    rmSync(file);
    const without = await exported(id, { withoutThinking: true });
    expect(without.files.get('session.jsonl')).not.toContain('let me see');
    expect(without.files.get('session.jsonl')).toContain('done');
  });

  it('leaves a side file that nobody could import, and says so', async () => {
    const folder = join(claudeFolder, 'projects/-home-alice-proj', TOOLCALL);
    writeFileSync(join(folder, 'custom-title.json'), 'no json');
    writeFileSync(join(folder, 'tool-results/BCCOQ34FH.txt'), 'on a Mac the same name');
    const { manifest, files } = await exported(TOOLCALL);
    expect(manifest.left).toContainEqual({ what: 'custom-title.json', why: 'holds no JSON object' });
    expect(manifest.left).toContainEqual({
      what: 'tool-results/bccoq34fh.txt',
      why: 'has the name of another on some systems',
    });
    expect(files.has('custom-title.json')).toBe(false);
  });

  it('is told twice while it is read, byte for byte', async () => {
    let read = 0;
    const onRead = (bytes: number) => {
      read += bytes;
    };
    await exported(TOOLCALL, { onRead });
    const json = contentsOf(TOOLCALL)().files.find(({ kind }) => kind === 'title')?.size ?? 0;
    expect(read).toBe(2 * contentsOf(TOOLCALL)().bytes + json);
  });

  it('does not replace a file unless it may', async () => {
    writeFileSync(file, 'mine');
    expect(await exportToFile(file, contentsOf(SIMPLE), optionsFor(SIMPLE), SEAL)).toBeNull();
    expect(readFileSync(file, 'utf8')).toBe('mine');
    await exportToFile(file, contentsOf(SIMPLE), optionsFor(SIMPLE), { ...SEAL, mayReplace: true });
    expect((await openedBundle(readFileSync(file))).manifest.session).toBe(SIMPLE);
  });
});

describe('a session that is written to meanwhile', () => {
  it('is cut at its last whole record', async () => {
    const { id, path } = addLargeSession(10);
    const whole = readFileSync(path, 'utf8');
    appendFileSync(path, JSON.stringify(said(11)).slice(0, 40));
    expect((await exported(id)).files.get('session.jsonl')).toBe(whole);
  });

  it('is cut where it was when it was opened', async () => {
    const { id, path } = addLargeSession();
    const whole = readFileSync(path, 'utf8');
    const grow = () => appendFileSync(path, `${JSON.stringify(said(9999))}\n`);
    expect((await exported(id, { onRead: grow })).files.get('session.jsonl')).toBe(whole);
  });

  /** Writes a shorter transcript, as `/compact` does; runs once. */
  const compacted = (how: 'by renaming' | 'in place', path: string) => {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      const text = `${JSON.stringify(said(0, 'compacted'))}\n`;
      if (how === 'in place') return writeFileSync(path, text);
      writeFileSync(`${path}.compact.tmp.1`, text);
      renameSync(`${path}.compact.tmp.1`, path);
    };
  };

  it.each(['by renaming', 'in place'] as const)('and compacted %s is read again', async (how) => {
    const { id, path } = addLargeSession();
    const { files } = await exported(id, { onRead: compacted(how, path) });
    expect(linesOf(files.get('session.jsonl'))).toEqual([JSON.stringify(said(0, 'compacted'))]);
    expect(readdirSync(join(file, '..'))).toEqual(['session.cclink']);
  });

  it('and compacted in place while it is being written is begun again', async () => {
    const { id, path } = addLargeSession();
    const { size } = transcriptOf(id);
    const compact = compacted('in place', path);
    let read = 0;
    const onRead = (bytes: number) => {
      read += bytes;
      if (read > size) compact();
    };
    expect(linesOf((await exported(id, { onRead })).files.get('session.jsonl'))).toHaveLength(1);
  });

  it('and compacted by renaming while it is being written leaves as it was', async () => {
    const { id, path } = addLargeSession();
    const whole = readFileSync(path, 'utf8');
    const prepared = await prepareExport(contentsOf(id), optionsFor(id));
    compacted('by renaming', path)();
    const { files } = await openedBundle(await collect(prepared.stream(SEAL.recipient, SEAL.sign)));
    prepared.close();
    expect(files.get('session.jsonl')).toBe(whole);
  });

  it('and each time again is refused, and leaves no file', async () => {
    const { id, path } = addLargeSession();
    const rewrite = () => {
      writeFileSync(`${path}.new`, readFileSync(path));
      renameSync(`${path}.new`, path);
    };
    const work = exportToFile(file, contentsOf(id), optionsFor(id, { onRead: rewrite }), SEAL);
    await expect(work).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('changed') });
    expect(readdirSync(join(file, '..'))).toEqual([]);
    if (process.platform === 'linux') expect(openFilesIn(claudeFolder)).toEqual([]);
  });

  it('and changed after it was read once is told from what the manifest says', async () => {
    const { id, path } = addLargeSession(10);
    const prepared = await prepareExport(contentsOf(id), optionsFor(id));
    truncateSync(path, 100);
    await expect(collect(prepared.stream(SEAL.recipient, SEAL.sign))).rejects.toThrow(ContentChanged);
    prepared.close();
  });

  it('has no side file that became a link to something else', async () => {
    const result = join(claudeFolder, 'projects/-home-alice-proj', TOOLCALL, 'tool-results/bccoq34fh.txt');
    const credentials = join(claudeFolder, '.credentials.json');
    writeFileSync(credentials, 'sk-ant-oat01-secret');
    let done = false;
    const onRead = () => {
      if (done) return;
      done = true;
      rmSync(result);
      symlinkSync(credentials, result);
    };
    const { manifest, files } = await exported(TOOLCALL, { onRead });
    expect([...files.values()].join()).not.toContain('sk-ant-oat01-secret');
    expect(manifest.left).toContainEqual({
      what: 'tool-results/bccoq34fh.txt',
      why: 'is a symbolic link, which is not followed',
    });
  });
});
