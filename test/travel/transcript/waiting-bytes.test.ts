import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WaitingBytes } from '../../../src/travel/transcript/waiting-bytes.ts';

const MEGABYTE = 1024 * 1024;
/** Lines of these lengths in bytes, their ends included, of random letters. */
const linesOf = (...lengths: readonly number[]) =>
  lengths.map(
    (length) =>
      `${randomBytes(length)
        .toString('base64')
        .slice(0, length - 1)}\n`,
  );

describe('bytes that wait for the end of their line', () => {
  it.each([1000, 100_000, MEGABYTE, 3 * MEGABYTE, 40 * MEGABYTE])('come as whole lines, added %i at a time', (size) => {
    const text = linesOf(1, 500, 3 * MEGABYTE, 2, 17 * MEGABYTE, 1000, 2 * MEGABYTE, 2 * MEGABYTE).join('');
    const waiting = new WaitingBytes();
    let taken = '';
    for (let at = 0; at < text.length; at += size) {
      waiting.add(Buffer.from(text.slice(at, at + size)));
      if (!waiting.hasLines) continue;
      const lines = waiting.takeLines().toString();
      expect(lines.endsWith('\n')).toBe(true);
      expect(waiting.hasLines).toBe(false);
      taken += lines;
    }
    expect(waiting.length).toBe(0);
    expect(taken === text).toBe(true);
  });

  it('are all there in the end, without a last line end too', () => {
    const waiting = new WaitingBytes();
    waiting.add(Buffer.from('one\ntw'));
    waiting.add(Buffer.from('o'));
    expect(waiting.length).toBe(7);
    expect(waiting.takeLines().toString()).toBe('one\n');
    expect(waiting.length).toBe(3);
    expect(waiting.take().toString()).toBe('two');
    expect(waiting.length).toBe(0);
    waiting.add(Buffer.from('three'));
    waiting.clear();
    expect(waiting.take()).toHaveLength(0);
  });
});
