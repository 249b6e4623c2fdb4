import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine, SESSION } from '../support/machine.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/cclink.cjs', import.meta.url));
const NOBODY = '127.0.0.1:9';
const TOOL_RESULTS = 20;
/** How many imports run at once, each on a machine of its own. */
const AT_ONCE = 3;
const IMPORTS = 100;

/** The same seed kills at the same moments, as far as the machine is as fast. */
const SEED = Number(process.env['CCLINK_TEST_SEED'] ?? Date.now() % 1e6);
let state = SEED;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** A machine to which the session has come, and what was there then. */
interface Desk {
  readonly machine: Machine;
  readonly copy: string;
  readonly files: ReadonlyMap<string, string>;
}

let laptop: Machine;
/** The session as it was, and as it has become since, sealed for oneself. */
let older: string;
let newer: string;
/** What the newer one takes on the disk. */
let newerBytes: number;
const desks: Desk[] = [];
/** What the newer one becomes on each desk, and how long that takes. */
const newest: ReadonlyMap<string, string>[] = [];
let importMs = 0;

/** The files of all sessions on a machine, by their path in Claude Code's folder. */
function filesOf({ claudeFolder }: Pick<Machine, 'claudeFolder'>): Map<string, string> {
  const found = readdirSync(claudeFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    found.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(claudeFolder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

const isStaged = (path: string) => path.includes('.cclink-incoming-');
const importing = ({ project }: Machine, file: string) => ['import', file, '--into', project, '--yes', '--no-run'];

function restore({ machine, copy }: Desk): void {
  rmSync(machine.claudeFolder, { recursive: true, force: true });
  cpSync(copy, machine.claudeFolder, { recursive: true });
}

beforeAll(async () => {
  laptop = new Machine('laptop', NOBODY);
  await laptop.init();
  const transcript = laptop.addSession();
  const beside = join(transcript.slice(0, -'.jsonl'.length), 'tool-results');
  mkdirSync(beside, { recursive: true });
  const grow = (round: number) => {
    for (let i = 0; i < TOOL_RESULTS; i += 1) {
      writeFileSync(join(beside, `b${round}${i}.txt`), `round ${round} `.repeat(2000));
    }
  };
  older = join(laptop.home, 'older.cclink');
  newer = join(laptop.home, 'newer.cclink');
  grow(1);
  await laptop.json(['export', SESSION, '-o', older]);
  grow(2);
  appendTurns(transcript, 400);
  await laptop.json(['export', SESSION, '-o', newer]);
  const { files } = await laptop.json<{ files: { bytes: number }[] }>(['import', newer, '--inspect']);
  newerBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (let i = 0; i < AT_ONCE; i += 1) {
    const machine = new Machine(`desk${i}`, NOBODY);
    machine.takeKeyOf(laptop);
    await machine.json(importing(machine, older));
    const copy = join(machine.home, 'copy');
    cpSync(machine.claudeFolder, copy, { recursive: true });
    const desk = { machine, copy, files: filesOf(machine) };
    desks.push(desk);
    const start = performance.now();
    await machine.json(importing(machine, newer));
    importMs = performance.now() - start;
    newest.push(filesOf(machine));
    restore(desk);
  }
});

afterAll(() => {
  for (const machine of [laptop, ...desks.map((desk) => desk.machine)]) machine.remove();
});

/** Continues a transcript with `count` records that follow its last one. */
function appendTurns(transcript: string, count: number): void {
  const records = readFileSync(transcript, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const last = records.findLast((one) => one.type === 'assistant');
  let parentUuid: string = last.uuid;
  for (let i = 0; i < count; i += 1) {
    const uuid = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
    const message = { role: 'user', content: `more ${i} ${'x'.repeat(1000)}` };
    appendFileSync(transcript, `${JSON.stringify({ ...last, type: 'user', message, parentUuid, uuid })}\n`);
    parentUuid = uuid;
  }
}

/** Whatever is there is the older session or the newer one; of files beside it, each is whole. */
function expectOneOfBoth(desk: Desk, newFiles: ReadonlyMap<string, string>, what: string): 'older' | 'newer' {
  const files = filesOf(desk.machine);
  for (const [path, text] of files) {
    if (!isStaged(path)) expect([desk.files.get(path), newFiles.get(path)], `${what}: ${path}`).toContain(text);
  }
  const transcript = [...newFiles.keys()].find((path) => path.endsWith(`${SESSION}.jsonl`)) ?? '';
  const is = files.get(transcript) === newFiles.get(transcript) ? 'newer' : 'older';
  const whole = is === 'newer' ? newFiles : desk.files;
  for (const [path, text] of whole) {
    // Files beside an older transcript may be newer than it: they are moved in place before.
    expect(
      files.get(path) === text || (is === 'older' && files.get(path) === newFiles.get(path)),
      `${what}: ${path}`,
    ).toBe(true);
  }
  return is;
}

describe('an import', () => {
  it(`that is killed at any moment leaves the older session or the newer one, ${IMPORTS} times`, async () => {
    const seen = { older: 0, newer: 0 };
    let next = 0;
    await Promise.all(
      desks.map(async (desk, index) => {
        const { machine } = desk;
        for (let run = next++; run < IMPORTS; run = next++) {
          const child = spawn(process.execPath, [PROGRAM, ...importing(machine, newer)], {
            cwd: machine.project,
            env: machine.env,
            stdio: 'ignore',
            detached: true,
          });
          const ended = once(child, 'exit');
          const share = random() * 1.1;
          const start = performance.now();
          await Promise.race([sleep(share * importMs), ended]);
          child.kill('SIGKILL');
          await ended;
          // How long one takes changes with what else the machine does.
          if (child.exitCode !== null) importMs = performance.now() - start;
          else if (share > 1) importMs *= 1.2;
          const is = expectOneOfBoth(desk, newest[index] ?? new Map(), `seed ${SEED}, run ${run}`);
          seen[is] += 1;
          if (is === 'newer') restore(desk);
        }
      }),
    );
    // Otherwise the moments were not the interesting ones.
    expect(seen.older).toBeGreaterThan(0);
    expect(seen.newer).toBeGreaterThan(0);
    for (const [index, desk] of desks.entries()) {
      await desk.machine.json(importing(desk.machine, newer));
      expect(filesOf(desk.machine), 'and the next one sweeps and succeeds').toEqual(newest[index]);
      restore(desk);
    }
  }, 90_000);

  it('of which several run at once ends with the whole session', async () => {
    const [desk] = desks as [Desk];
    const runs = await Promise.all([1, 2, 3].map(() => desk.machine.run(importing(desk.machine, newer))));
    expect(runs.map(({ code }) => code)).toContain(0);
    expect(filesOf(desk.machine)).toEqual(newest[0]);
    restore(desk);
  });

  it.skipIf(!canMount).each([
    ['before it writes anything, if there is not enough room', 4096, /There is no room for this session/],
    ['in the middle, if the room turns out not to be enough', -8192, /no space|full/i],
  ])('says so %s, and leaves the older session', async (_, missing, message) => {
    const [desk] = desks as [Desk];
    await withTinyDisk(4096, async (disk) => {
      const claudeFolder = join(disk.path, '.claude');
      cpSync(desk.copy, claudeFolder, { recursive: true });
      const { bavail, bsize } = statfsSync(disk.path);
      writeFileSync(join(disk.path, 'filler'), Buffer.alloc(bavail * bsize - newerBytes + missing));
      const env = { CLAUDE_CONFIG_DIR: claudeFolder };
      const { code, stderr } = await desk.machine.run(importing(desk.machine, newer), { env });
      expect([code, stderr]).toEqual([5, expect.stringMatching(message)]);
      expect(filesOf({ claudeFolder })).toEqual(desk.files);
    });
  });

  it('that may not write files of that size says so, and leaves the older session', async () => {
    const [desk] = desks as [Desk];
    const { machine } = desk;
    const child = spawn(
      'sh',
      ['-c', 'ulimit -f 100; exec "$@"', 'sh', process.execPath, PROGRAM, ...importing(machine, newer)],
      {
        cwd: machine.project,
        env: machine.env,
        detached: true,
      },
    );
    const [code] = await once(child, 'exit');
    expect(code).not.toBe(0);
    expect(expectOneOfBoth(desk, newest[0] ?? new Map(), 'ulimit')).toBe('older');
    restore(desk);
  });
});

describe('a bundle that is cut', () => {
  it('in a pipe leaves the older session', async () => {
    const bundle = readFileSync(newer);
    const [desk] = desks as [Desk];
    expect(existsSync(desk.copy)).toBe(true);
    for (let i = 0; i < 5; i += 1) {
      const cut = Math.floor(random() * bundle.length);
      const args = importing(desk.machine, '-');
      const { code } = await desk.machine.run(args, { input: bundle.subarray(0, cut) });
      expect(code, `seed ${SEED}, cut at ${cut}`).toBe(5);
      expect(filesOf(desk.machine)).toEqual(desk.files);
    }
  });
});
