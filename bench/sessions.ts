import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slugOf } from '../src/claude/folders.ts';
import { gitRootOf } from '../src/claude/git-root.ts';
import { sessionsOf } from '../src/claude/sessions-here.ts';
import { chooseSession } from '../src/commands/choose-session.ts';
import type { Context } from '../src/commands/context.ts';
import { takeEnvironment } from '../src/environment.ts';
import { interleave, timed } from './measure.ts';
import type { Report } from './report.ts';

const SAMPLE = fileURLToPath(
  new URL(
    '../test/samples/simple/.claude/projects/-home-alice-proj/11111111-1111-4111-8111-111111111111.jsonl',
    import.meta.url,
  ),
);
const SESSIONS = 10_000;
const ROUNDS = 15;
/** The sizes of most transcripts, and of every tenth. A hole in the middle saves most of the disk space. */
const [USUAL_BYTES, LARGE_BYTES] = [100_000, 20_000_000];
const TAIL_BYTES = 4096;
/**
 * The most that may be read of one transcript whose prompt is in its first 64 KB: those, the last 64 KB, and
 * 16 KB for a first look.
 */
const MOST_READ = (64 + 64 + 16) * 1024;
const MINUTE_MS = 60_000;

/**
 * How 10,000 sessions may be spread: directories below the user's home, the first of which is the current
 * one.
 */
const LAYOUTS: Readonly<Record<string, string[]>> = {
  '100 projects of 100 sessions': numbered((i) => `project${i}`),
  '10,000 sessions in one project': ['project'],
  '100 projects, 99 of them below the current one': numbered((i) => (i === 0 ? 'project' : `project/part${i}`)),
  // Their folders are named as if they were below it; only the transcripts show that they are not.
  '100 projects, 99 of them named as the current one and "-1" to "-99"': numbered((i) =>
    i === 0 ? 'project' : `project-${i}`,
  ),
};

function numbered(name: (i: number) => string): string[] {
  return Array.from({ length: 100 }, (_, i) => name(i));
}

/** Finding the current session among 10,000 against the least that `ls -t` must do. */
export async function sessions(report: Report): Promise<void> {
  for (const [name, directories] of Object.entries(LAYOUTS)) {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'cclink-bench-')));
    const cwd = process.cwd();
    const remove = () => rmSync(home, { recursive: true, force: true });
    process.once('exit', remove); // also after Ctrl-C: these are some hundred megabytes
    try {
      await inLayout(report, name, home, directories);
    } finally {
      process.chdir(cwd);
      process.off('exit', remove);
      remove();
    }
  }
}

async function inLayout(report: Report, name: string, home: string, directories: string[]) {
  const claudeFolder = join(home, '.claude');
  const work = directories.map((directory) => join(home, directory));
  const files = makeSessions(claudeFolder, work);
  const [current = home] = work;
  for (const directory of work) mkdirSync(directory, { recursive: true });
  process.chdir(current);
  const context = contextOf(home);

  report.section(
    `The current session among 10,000: ${name}`,
    `${ROUNDS} rounds by turns, folders in the system's cache. Listing: readdir of all project folders, and lstat of their files.`,
  );
  const first = () => sessionsOf(claudeFolder, current, { gitRoot: gitRootOf(current) }).next().value?.id;
  const choose = async () => (await chooseSession(context, undefined, { verb: 'publish', force: false })).id;
  if (first() !== (await choose())) throw new Error('the two do not find the same session');
  const samples = await interleave(ROUNDS, {
    names: () => timed(() => list(claudeFolder, false)),
    listing: () => timed(() => list(claudeFolder, true)),
    first: () => timed(first),
    choose: () => timed(choose),
  });
  report.table('ms', [
    { name: 'readdir alone', samples: samples.names },
    { name: 'listing with times', samples: samples.listing },
    { name: 'sessionsOf, first one', samples: samples.first, against: 'listing with times', atMost: 2 },
    { name: 'the whole choice', samples: samples.choose, against: 'listing with times', atMost: 2 },
  ]);

  const read = await bytesRead(choose, files);
  const [total, most] = [sum([...read.values()]), Math.max(0, ...read.values())];
  report.check(
    `it reads ${read.size} transcripts at their ends: ${kb(total)} kB of ${kb(sum([...files.values()]))} kB, ` +
      `of one of ${kb(Math.max(...[...read.keys()].map((path) => files.get(path) ?? 0)))} kB at most ${kb(most)} kB (limit ${kb(MOST_READ)} kB)`,
    most <= MOST_READ,
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
const kb = (bytes: number) => Math.round(bytes / 1000).toLocaleString('en');

/** What `ls -t` of all project folders has to do; without `times`, what a bare `ls` has to. */
function list(claudeFolder: string, times: boolean): number {
  const projects = join(claudeFolder, 'projects');
  let files = 0;
  for (const project of readdirSync(projects)) {
    for (const name of readdirSync(join(projects, project))) {
      if (times) fs.lstatSync(join(projects, project, name));
      files += 1;
    }
  }
  if (files !== SESSIONS) throw new Error(`there are ${files} files, not ${SESSIONS}`);
  return files;
}

/**
 * Writes 10,000 transcripts, spread evenly over the directories: the newest written a minute ago, each other
 * one a minute before the next. Returns their sizes by path.
 */
function makeSessions(claudeFolder: string, directories: readonly string[]): Map<string, number> {
  const sample = readFileSync(SAMPLE, 'utf8');
  const files = new Map<string, number>();
  const targets = directories.map((directory) => {
    const folder = join(claudeFolder, 'projects', slugOf(directory));
    mkdirSync(folder, { recursive: true });
    return { folder, text: Buffer.from(sample.replaceAll('/home/alice/proj', directory)) };
  });
  const now = Date.now();
  for (let i = 0; i < SESSIONS; i += 1) {
    // The last directory gets the newest session; the current one comes last in each turn.
    const target = targets[targets.length - 1 - (i % targets.length)];
    if (target === undefined) throw new Error('there is no directory');
    const path = join(target.folder, `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000.jsonl`);
    const size = i % 10 === 9 ? LARGE_BYTES : USUAL_BYTES;
    const file = fs.openSync(path, 'wx', 0o600);
    fs.writeSync(file, target.text, 0, target.text.length, 0);
    const tail = target.text.subarray(-TAIL_BYTES);
    fs.writeSync(file, tail, 0, tail.length, size - tail.length);
    const modified = (now - (i + 1) * MINUTE_MS) / 1000;
    fs.futimesSync(file, modified, modified);
    fs.closeSync(file);
    files.set(path, size);
  }
  return files;
}

/** The context of a command that can't ask anybody, and takes the newest session. */
function contextOf(home: string): Context {
  return {
    environment: takeEnvironment({ HOME: home }, []),
    yes: true,
    questions: { possible: false },
  } as unknown as Context;
}

/** How many bytes `work` reads of each of the `files`, by path. */
async function bytesRead(
  work: () => Promise<unknown>,
  files: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  const { openSync, readSync, readFileSync: readWhole } = fs;
  const paths = new Map<number, string>();
  const read = new Map<string, number>();
  fs.openSync = ((...args: Parameters<typeof openSync>) => {
    const descriptor = openSync(...args);
    paths.set(descriptor, String(args[0]));
    return descriptor;
  }) as typeof openSync;
  fs.readSync = ((descriptor: number, ...args: unknown[]) => {
    const bytes = (readSync as (...all: unknown[]) => number)(descriptor, ...args);
    const path = paths.get(descriptor) ?? '';
    if (files.has(path)) read.set(path, (read.get(path) ?? 0) + bytes);
    return bytes;
  }) as typeof readSync;
  fs.readFileSync = ((...args: Parameters<typeof readWhole>) => {
    if (files.has(String(args[0]))) throw new Error(`${String(args[0])} is read whole`);
    return readWhole(...args);
  }) as typeof readWhole;
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    Object.assign(fs, { openSync, readSync, readFileSync: readWhole });
    syncBuiltinESMExports();
  }
  if (read.size === 0) throw new Error('nothing was seen to be read');
  return read;
}
