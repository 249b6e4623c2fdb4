import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/files/byte-reader.ts';
import { chunked } from '../support/chunks.ts';

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

describe('reading a stream by the length that is wanted', () => {
  it('gives every byte once, in order, whatever is asked for and however it comes', async () => {
    const asked = fc.array(
      fc.record({ how: fc.constantFrom('some', 'take', 'again'), length: fc.integer({ min: 1, max: 60 }) }),
      {
        minLength: 1,
      },
    );
    await fc.assert(
      fc.asyncProperty(asked, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (wishes, sizes) => {
        const reader = new ByteReader(chunked(bytes, ...sizes));
        const read: Buffer[] = [];
        for (let turn = 0; !(await reader.atEnd()); turn++) {
          const { how, length } = wishes[turn % wishes.length] ?? { how: 'some', length: 1 };
          const part = how === 'some' ? await reader.some(length) : await reader.take(length);
          expect(part.length).toBeLessThanOrEqual(length);
          if (how === 'again' && turn < 1000) {
            reader.putBack(part);
            read.push(await reader.take(1));
          } else {
            read.push(Buffer.from(part));
          }
        }
        expect(Buffer.concat(read).equals(bytes)).toBe(true);
        expect(reader.bytesRead).toBe(bytes.length);
      }),
    );
  });

  it('gives less only at the end', async () => {
    const reader = new ByteReader(chunked(bytes, 7));
    expect(await reader.take(200)).toHaveLength(200);
    expect(await reader.take(200)).toHaveLength(56);
    expect(await reader.take(200)).toHaveLength(0);
    expect(await reader.some(1)).toHaveLength(0);
  });

  it('reads nothing ahead, and closes its source once', async () => {
    let given = 0;
    let closed = 0;
    async function* source() {
      try {
        for (;;) {
          given++;
          yield Buffer.alloc(10);
        }
      } finally {
        closed++;
      }
    }
    const reader = new ByteReader(source());
    await reader.take(10);
    expect(given).toBe(1);
    await reader.close();
    await reader.close();
    expect(closed).toBe(1);
    expect(await reader.atEnd()).toBe(true);
  });
});
