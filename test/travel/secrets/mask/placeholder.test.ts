import { describe, expect, it } from 'vitest';
import { PlaceholderNumbers, placeholder } from '../../../../src/travel/secrets/mask/placeholder.ts';

/** The highest number in a content that comes in such blocks. */
function highestIn(...blocks: readonly (string | Buffer)[]): number {
  const numbers = new PlaceholderNumbers();
  for (const block of blocks) numbers.see(Buffer.from(block));
  return numbers.highest;
}

describe('the numbers of placeholders', () => {
  it('are those of what an earlier masking left, and of nothing that looks like it', () => {
    const text =
      'x[masked 3: a][masked 12: b] \\"[masked 5: c]\\" [masked 99] [masked 1234567: d] [masked x: e] [masked 4';
    expect(highestIn(text)).toBe(12);
    expect(highestIn('nothing')).toBe(0);
  });

  it('are seen wherever blocks begin', () => {
    const content = Buffer.from(`"${'x'.repeat(40)}${placeholder(123456, 'GitHub token')}${'y'.repeat(40)}"`);
    for (const size of [1, 3, 7, 40, 41, 50, 1000]) {
      const count = Math.ceil(content.length / size);
      const blocks = Array.from({ length: count }, (_, i) => content.subarray(i * size, (i + 1) * size));
      expect(highestIn(...blocks)).toBe(123456);
    }
  });
});
