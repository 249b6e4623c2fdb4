import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withLock } from '../../src/files/lock.ts';
import { startWriter } from '../support/start-writer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const onLinux = process.platform === 'linux';

/** The content of the lock file while this process holds the lock. */
async function ownHolder(): Promise<Record<string, unknown>> {
  const path = join(temporaryFolder(), 'lock');
  return withLock(path, () => JSON.parse(readFileSync(path, 'utf8')));
}

/** A lock like `ownHolder`'s, apart from `different`. */
async function lockOf(different: Record<string, unknown>): Promise<string> {
  const path = join(temporaryFolder(), 'lock');
  writeFileSync(path, JSON.stringify({ ...(await ownHolder()), token: '0123456789abcdef', ...different }));
  return path;
}

describe('a lock', () => {
  it('is held while the work goes on, and gone afterwards, whatever came of it', async () => {
    const path = join(temporaryFolder(), 'lock');
    expect(await withLock(path, () => existsSync(path))).toBe(true);
    const failing = async () => {
      throw new Error('it failed');
    };
    await expect(withLock(path, failing)).rejects.toThrow('it failed');
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('lets one after the other in within a process', async () => {
    const path = join(temporaryFolder(), 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await sleep(2);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock(path, work)));
    expect(most).toBe(1);
  });

  it('of a process that runs is waited for, and its holder named when that takes too long', async () => {
    const path = join(temporaryFolder(), 'lock');
    const holder = startWriter('holds a lock', path);
    await once(holder.stdout, 'data');
    const failure = await withLock(path, () => {}, { patienceMs: 100 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'refused',
      message: expect.stringMatching(`process ${holder.pid} on ${hostname()}.*${path}`),
      hint: expect.stringContaining('remove that file'),
    });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(await withLock(path, () => 'taken over', { patienceMs: 100 })).toBe('taken over');
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('of another host, or of another container, is waited for and named', async () => {
    for (const different of [{ host: 'desk' }, { machineId: 'another' }, { pidNamespace: 'pid:[1]' }]) {
      const path = await lockOf({ pid: 2 ** 22 + 1, ...different });
      const failure = await withLock(path, () => {}, { patienceMs: 50 }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'refused', message: expect.stringContaining('process 4194305 on ') });
      expect(existsSync(path)).toBe(true);
    }
  });

  it('of a process that is gone is taken over at once', async () => {
    const path = await lockOf({ pid: 2 ** 22 + 1 });
    expect(await withLock(path, () => 'taken over', { patienceMs: 0 })).toBe('taken over');
  });

  it.runIf(onLinux)(
    'of an earlier start of the machine, or of a process whose number was reused, is taken over',
    async () => {
      for (const different of [{ bootId: 'another' }, { start: '1' }]) {
        const path = await lockOf(different);
        expect(await withLock(path, () => 'taken over', { patienceMs: 0 })).toBe('taken over');
      }
    },
  );

  it('is taken over although somebody died while taking it over', async () => {
    const path = await lockOf({ pid: 2 ** 22 + 1 });
    linkSync(await lockOf({ pid: 2 ** 22 + 1, token: 'fedcba9876543210' }), `${path}.0123456789abcdef`);
    writeFileSync(`${path}.0123456789abcdef.tmp`, 'what it left when it was killed');
    expect(await withLock(path, () => 'taken over', { patienceMs: 0 })).toBe('taken over');
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('is left to whoever took it over first', async () => {
    const path = await lockOf({ pid: 2 ** 22 + 1 });
    const right = `${path}.0123456789abcdef`;
    const first = JSON.stringify({ ...(await ownHolder()), token: 'fedcba9876543210' });
    writeFileSync(right, JSON.stringify(await ownHolder()));
    let isInside = false;
    const work = () => {
      isInside = true;
    };
    const second = withLock(path, work, { patienceMs: 400 }).catch((error: unknown) => error);
    await sleep(100);
    expect(isInside).toBe(false);
    writeFileSync(path, first);
    rmSync(right);
    expect(await second).toMatchObject({ code: 'refused', message: expect.stringContaining(`process ${process.pid}`) });
    expect(readFileSync(path, 'utf8')).toBe(first);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"host":"desk","pid":1'],
    [
      'a token that is a path',
      JSON.stringify({ host: 'x', pidNamespace: null, bootId: null, pid: 1, start: null, token: '../../x' }),
    ],
  ])('that holds %s is left alone, and named', async (_, content) => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, content);
    const failure = await withLock(path, () => {}, { patienceMs: 50 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'refused', message: expect.stringMatching(`Another program.*${path}`) });
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"host":"desk","pid":1'],
  ])('that has held %s for seconds is left over from a crash, and taken over', async (_, content) => {
    const path = join(temporaryFolder(), 'lock');
    // A minus: it is from the future, as the clock was set back.
    for (const ageSeconds of [10, -10]) {
      writeFileSync(path, content);
      utimesSync(path, Date.now() / 1000 - ageSeconds, Date.now() / 1000 - ageSeconds);
      expect(await withLock(path, () => 'taken over', { patienceMs: 0 })).toBe('taken over');
      expect(readdirSync(join(path, '..'))).toEqual([]);
    }
  });

  it.each(['a folder', 'a link'])('under whose name is %s is left alone, and named', async (what) => {
    const path = join(temporaryFolder(), 'lock');
    if (what === 'a folder') mkdirSync(path);
    else symlinkSync('nowhere', path);
    const failure = await withLock(path, () => {}, { patienceMs: 50 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'refused', message: expect.stringContaining(path) });
  });

  it('is removed only by its holder: somebody may have been told to remove it', async () => {
    const path = join(temporaryFolder(), 'lock');
    const second = JSON.stringify({ ...(await ownHolder()), token: 'fedcba9876543210' });
    await withLock(path, () => writeFileSync(path, second));
    expect(readFileSync(path, 'utf8')).toBe(second);
  });

  it('that cannot be removed does not make its work look as if it had failed', async () => {
    const path = join(temporaryFolder(), 'lock');
    const moved = `${path}.moved`;
    const work = () => {
      renameSync(path, moved);
      mkdirSync(path);
      return 'done';
    };
    expect(await withLock(path, work)).toBe('done');
  });

  it('sweeps what killed processes left beside it a minute ago', async () => {
    const path = await lockOf({ pid: 2 ** 22 + 1 });
    const [old, recent] = [`${path}.0011223344556677.tmp`, `${path}.8899aabbccddeeff.tmp`];
    for (const file of [old, recent, `${path}x`]) writeFileSync(file, '');
    const before = Date.now() / 1000 - 61;
    for (const file of [old, `${path}x`]) utimesSync(file, before, before);
    await withLock(path, () => {});
    expect(readdirSync(join(path, '..')).sort()).toEqual([basename(recent), basename(`${path}x`)].sort());
  });

  it('sweeps them although nobody holds it, and the clock was set back', async () => {
    const path = join(temporaryFolder(), 'lock');
    for (const ageSeconds of [61, -61]) {
      const left = `${path}.0011223344556677.tmp`;
      writeFileSync(left, '');
      utimesSync(left, Date.now() / 1000 - ageSeconds, Date.now() / 1000 - ageSeconds);
      await withLock(path, () => {});
      expect(existsSync(left)).toBe(false);
    }
  });

  it('is refused in the words of the system where it cannot be written', async () => {
    const path = join(temporaryFolder(), 'missing', 'lock');
    await expect(withLock(path, () => {})).rejects.toMatchObject({ code: 'refused' });
  });

  it('loses no count of several processes, however many of them are killed', async () => {
    const path = join(temporaryFolder(), 'count');
    writeFileSync(path, '0');
    const counts: number[] = [];
    const deadline = Date.now() + 6_000;
    const keepCounting = async () => {
      while (Date.now() < deadline) {
        const writer = startWriter('counts under a lock', path);
        let said = '';
        writer.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
        await once(writer.stdout, 'data');
        await sleep(Math.random() * 200);
        writer.kill('SIGKILL');
        await once(writer, 'close');
        counts.push(...said.trim().split('\n').map(Number));
      }
    };
    await Promise.all([keepCounting(), keepCounting(), keepCounting()]);
    expect(counts.length).toBeGreaterThan(50);
    expect(new Set(counts).size).toBe(counts.length);
    expect(await withLock(`${path}.lock`, () => 'free')).toBe('free');
  });
});
