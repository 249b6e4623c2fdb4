import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Spool } from '../../src/files/spool.ts';
import { collect } from '../support/chunks.ts';
import { closedAfterTest } from '../support/closed-after-test.ts';
import { openFilesIn } from '../support/open-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const MEGABYTE = 1024 * 1024;

let folder: string;

beforeEach(() => {
  folder = join(temporaryFolder(), 'state', 'cclink');
});

describe('a spool', () => {
  it('gives back what was put into it, from anywhere', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(), fc.nat(), async (pieces, a, b) => {
        const spool = new Spool(folder);
        try {
          for (const piece of pieces) await spool.append(piece);
          const all = Buffer.concat(pieces);
          const from = a % (all.length + 1);
          const length = b % (all.length - from + 1);
          expect(spool.length).toBe(all.length);
          expect(await collect(spool.read(from, length))).toEqual(all.subarray(from, from + length));
        } finally {
          spool.close();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is read in blocks, also twice at once', async () => {
    const spool = closedAfterTest(new Spool(folder));
    const bytes = Buffer.from(Array.from({ length: 2.5 * MEGABYTE }, (_, at) => at % 251));
    await spool.append(bytes);
    const sizes: number[] = [];
    for await (const block of spool.read(0, bytes.length)) {
      expect((await collect(spool.read(3, 5))).equals(bytes.subarray(3, 8))).toBe(true);
      sizes.push(block.length);
    }
    expect(sizes).toEqual([MEGABYTE, MEGABYTE, MEGABYTE / 2]);
  });

  it('goes on where it was cut', async () => {
    const spool = closedAfterTest(new Spool(folder));
    await spool.append(Buffer.from('one two'));
    await spool.cut(4);
    expect(spool.length).toBe(4);
    await spool.append(Buffer.from('3'));
    expect((await collect(spool.read(0, 5))).toString()).toBe('one 3');
    await expect(collect(spool.read(0, 6))).rejects.toThrow(RangeError);
  });

  it('has no name, in a folder that nobody else may enter', async () => {
    const spool = closedAfterTest(new Spool(folder));
    await spool.append(Buffer.from('x'));
    expect(readdirSync(folder)).toEqual([]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.platform === 'linux')('may be read by its owner only, and is closed once', () => {
    const spool = new Spool(folder);
    expect(openFilesIn(folder).map((path) => statSync(path).mode & 0o777)).toEqual([0o600]);
    spool.close();
    spool.close();
    expect(openFilesIn(folder)).toEqual([]);
  });

  it.runIf(canMount)('says that the disk is full, and gives it back', async () => {
    await withTinyDisk(1024, async ({ path }) => {
      for (let time = 0; time < 3; time += 1) {
        const spool = new Spool(path);
        await spool.append(Buffer.alloc(900_000));
        const error = { code: 'refused', message: expect.stringContaining('the disk is full') };
        await expect(spool.append(Buffer.alloc(900_000))).rejects.toMatchObject(error);
        spool.close();
      }
    });
  });

  it.runIf(canMount)('is refused where nothing can be written', async () => {
    await withTinyDisk(1024, async ({ path, seal }) => {
      await seal();
      expect(() => new Spool(path)).toThrow(expect.objectContaining({ code: 'refused' }));
    });
  });
});
