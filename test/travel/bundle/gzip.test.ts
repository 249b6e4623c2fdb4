import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compress, uncompress } from '../../../src/travel/bundle/gzip.ts';
import { MAX_RATIO } from '../../../src/travel/bundle/limits.ts';
import { chunked, collect } from '../../support/chunks.ts';

const MEGABYTE = 1024 * 1024;
const malformed = expect.objectContaining({ code: 'refused', defect: 'malformed' });

const unpack = (bytes: Uint8Array, ...sizes: number[]) => collect(uncompress(chunked(bytes, ...sizes)));

describe('what is compressed', () => {
  it('is a gzip file that gives it back, however it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 1000, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 5 * MEGABYTE + 7),
        fc.integer({ min: 1000, max: 3 * MEGABYTE }),
        async (length, size) => {
          const plain = randomBytes(Math.ceil(length / 2))
            .toString('hex')
            .slice(0, length);
          const packed = await collect(compress(chunked(Buffer.from(plain), size, 1)));
          expect(gunzipSync(packed).toString() === plain).toBe(true);
          expect((await unpack(packed, 65_536)).toString() === plain).toBe(true);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('is never packed tighter than is unpacked again', async () => {
    // As of a tool that printed the same line for a while.
    const plain = Buffer.alloc(40 * MEGABYTE, 'yes\n');
    const packed = await collect(compress(chunked(plain, MEGABYTE)));
    expect(packed.length).toBeGreaterThan(plain.length / MAX_RATIO);
    expect((await unpack(packed, 65_536)).equals(plain)).toBe(true);
  });

  it('stops with its source’s error, and when nobody wants more', async () => {
    let closed = 0;
    async function* source(error?: Error) {
      try {
        for (let i = 0; i < 10; i++) yield randomBytes(MEGABYTE);
        if (error !== undefined) throw error;
      } finally {
        closed++;
      }
    }
    const gone = new Error('gone');
    await expect(collect(compress(source(gone)))).rejects.toBe(gone);
    for await (const _ of compress(source())) break;
    expect(closed).toBe(2);
  });
});

describe('what is uncompressed', () => {
  it('may be the gzip file of any program, of any number of members', async () => {
    const parts = [Buffer.from('first '), Buffer.alloc(0), randomBytes(8_000), Buffer.from(' last')];
    const packed = Buffer.concat(parts.map((part, level) => gzipSync(part, { level: level + 1 })));
    for (const size of [1, 7, 1000, packed.length]) {
      expect((await unpack(packed, size)).equals(Buffer.concat(parts))).toBe(true);
    }
  });

  it('is refused wherever it is cut off', async () => {
    const packed = Buffer.concat([gzipSync('first'), gzipSync('second')]);
    const between = gzipSync('first').length;
    for (let length = 0; length < packed.length; length++) {
      if (length === between) continue; // That is a whole file.
      await expect(unpack(packed.subarray(0, length), 8), `${length} bytes`).rejects.toEqual(malformed);
    }
  });

  it('is refused with anything behind its end, zeros too', async () => {
    const packed = gzipSync('text');
    for (const behind of ['x', '\x1f', '\0', '\0\0\0\0\0\0\0\0', '\0x', `\0${packed.toString('latin1')}`]) {
      const bytes = Buffer.concat([packed, Buffer.from(behind, 'latin1')]);
      for (const size of [1, packed.length, bytes.length]) {
        await expect(unpack(bytes, size), JSON.stringify(behind)).rejects.toEqual(malformed);
      }
    }
  });

  it('is refused at once with zeros behind its end that never end', async () => {
    const endless = async function* () {
      yield gzipSync('text');
      for (;;) yield Buffer.alloc(1000);
    };
    await expect(collect(uncompress(endless()))).rejects.toEqual(malformed);
  });

  it('is refused where a bit of it was turned in its data or its checksum', async () => {
    const packed = gzipSync(randomBytes(1000));
    for (let at = 20; at < packed.length; at += 13) {
      const changed = Buffer.from(packed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(unpack(changed)).rejects.toEqual(malformed);
    }
  });

  it('is refused once it expands too far, whatever its members say of their sizes', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * MEGABYTE));
    let unpacked = 0;
    const unpacking = async () => {
      for await (const piece of uncompress(chunked(Buffer.concat(Array(50).fill(bomb)), 65_536)))
        unpacked += piece.length;
    };
    await expect(unpacking()).rejects.toMatchObject({ code: 'refused', defect: 'over the limits' });
    expect(unpacked).toBeLessThanOrEqual(MEGABYTE + 65_536 * MAX_RATIO);
  });

  it('hands over its source’s error, and closes it when nobody wants more', async () => {
    let closed = 0;
    const packed = gzipSync(randomBytes(3 * MEGABYTE));
    async function* source(error?: Error) {
      try {
        yield* chunked(packed, 65_536);
        if (error !== undefined) throw error;
      } finally {
        closed++;
      }
    }
    const gone = new Error('gone');
    await expect(collect(uncompress(source(gone)))).rejects.toBe(gone);
    for await (const _ of uncompress(source())) break;
    expect(closed).toBe(2);
  });
});
