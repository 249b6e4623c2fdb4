import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { holds, type Line, lastLines, readForwards } from '../../src/claude/transcript-lines.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A file with lines of these lengths, open, and what should be read of it. */
function fileOf(lengths: readonly number[], endsWithNewline: boolean) {
  const lines = lengths.map((length, i) => String(i % 10).repeat(length));
  const path = join(temporaryFolder(), 'lines');
  writeFileSync(path, lines.join('\n') + (endsWithNewline ? '\n' : ''));
  const descriptor = openSync(path, 'r');
  onTestFinished(() => closeSync(descriptor));
  return { descriptor, lines };
}

const textOf = (line: Line) => (line.isGiant ? `giant ${line.start[0]} ${line.end.at(-1)}` : line.text);
const expected = (text: string) => (text.length > 256 * 1024 ? `giant ${text[0]} ${text[0]}` : text);

/** Around the sizes of a step and of a giant, and in between. */
const length = fc.oneof(
  fc.nat(200),
  fc.integer({ min: 65_530, max: 65_540 }),
  fc.integer({ min: 262_140, max: 262_150 }),
  fc.integer({ min: 300_000, max: 400_000 }),
);

describe('the lines of a transcript', () => {
  it('are the same from its beginning and from its end, wherever the reading stops in between', () => {
    fc.assert(
      fc.property(
        fc.array(length, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.nat(6),
        (lengths, endsWithNewline, steps) => {
          const { descriptor, lines } = fileOf(lengths, endsWithNewline);
          const read: string[] = [];
          let left = steps;
          const offset = readForwards(
            descriptor,
            (line) => read.push(textOf(line)),
            () => left-- === 0,
          );
          const rest = lastLines(descriptor, offset, Number.POSITIVE_INFINITY).map(textOf);
          const all = lines.map(expected);
          expect(read).toEqual([...all, ''].slice(0, read.length));
          // The last ones, as many as were asked for: the blank one behind the last newline may count.
          const end = [...all, ''].slice(read.length).filter((text) => text !== '');
          const found = rest.filter((text) => text !== '');
          expect(found).toEqual(end.slice(end.length - found.length));
          if (end.join('').length < 64 * 1024) expect(found).toEqual(end);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('hold a text wherever a step ends in it', () => {
    for (let at = 65_520; at < 65_540; at++) {
      const { descriptor } = fileOf([at], false);
      const path = join(temporaryFolder(), 'text');
      writeFileSync(path, `${'x'.repeat(at)}"uuid":"a"${'x'.repeat(70_000)}`);
      const file = openSync(path, 'r');
      expect([holds(file, ['"uuid":"a"'], 1e6), holds(descriptor, ['"uuid":"a"'], 1e6)]).toEqual([true, false]);
      closeSync(file);
    }
  });
});
