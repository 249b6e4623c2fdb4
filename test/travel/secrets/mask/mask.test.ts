import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mask } from '../../../../src/travel/secrets/mask/mask.ts';
import type { JsonRecord } from '../../../../src/travel/transcript/record-rules.ts';

const KIND = 'test key';
const maskOf = (...values: readonly string[]) =>
  new Mask(
    values.map((value) => ({ kind: KIND, value })),
    1,
  );
const placeholder = (number: number, kind = KIND) => `[masked ${number}: ${kind}]`;

/** `record` after masking. */
function masked(mask: Mask, record: JsonRecord): JsonRecord {
  const copy = structuredClone(record);
  mask.inRecord(copy);
  return copy;
}

const said = (content: unknown) => ({ type: 'user', uuid: 'u-1', message: { role: 'user', content } });

/** Every text that somebody can get out of a value, by parsing JSON in it as deep as it goes. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    yield value;
    const inner = parsed(value);
    if (inner !== undefined) yield* textsIn(inner);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      yield* textsIn(key);
      yield* textsIn(each);
    }
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Characters that JSON, terminals and languages treat in their own ways. */
const odd = fc.constantFrom(
  ...'aBn0u/&<[]{}:,.-_ "\\\n\t\r',
  'é',
  '語',
  '😀',
  '\u2028',
  '\u007f',
  '\u001b[1m',
  '[masked 3: x]',
);
const oddText = fc.array(odd, { maxLength: 12 }).map((parts) => parts.join(''));
/** What begins and ends with letters that stand in no other text: so no two of them overlap. */
const apart = fc
  .tuple(fc.constantFrom('V', 'W'), fc.array(odd, { minLength: 8, maxLength: 20 }))
  .map(([letter, parts]) => `${letter}${parts.join('')}Z`);
/** JSON in JSON in JSON. */
const depth = fc.integer({ min: 0, max: 3 });

/** Writes a character of a string of JSON in one of the ways in which it may be written. */
function written(text: string, way: number): string {
  const units = JSON.stringify(text).slice(1, -1);
  if (way === 0) return units;
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  if (way === 1) return units.replaceAll('/', '\\/').replaceAll('&', '\\u0026').replaceAll('<', '\\u003C');
  return units.replace(/[^\0-\x7f\ue000-\ue001]|(?<=^|[^\\])[:,]/g, escaped);
}

/** A text in `depth` layers of JSON, of which each writes it in its own way. */
function wrapped(text: string, depth: number, ways: readonly number[]): string {
  let inside = text;
  for (let layer = 0; layer < depth; layer += 1) inside = `{"k":["${written(inside, ways[layer] ?? 0)}",1.0]}`;
  return inside;
}

/** Stand for values while what is expected is written. */
const MARKS = ['\ue000', '\ue001'];
const ways = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 3, maxLength: 3 });

describe('a record that is masked', () => {
  it('has a placeholder wherever a value stood, however it was escaped, and is as it was but for that', () => {
    fc.assert(
      fc.property(
        apart,
        apart,
        fc.array(fc.tuple(oddText, fc.constantFrom(0, 1, 2), depth, ways), { minLength: 1, maxLength: 6 }),
        (first, second, parts) => {
          fc.pre(first !== second);
          const mask = maskOf(first, second);
          const record = (values: readonly string[]) => {
            const texts = parts.map(([text, which, deep, how]) =>
              // A backslash before a value would be a part of how it is escaped.
              wrapped(`${text.replace(/\\+$/, '')}${values[which]}${text}`, deep, how),
            );
            const input = Object.fromEntries(texts.map((text, index) => [`${index} ${text}`, [text, { text }]]));
            return said([{ type: 'tool_use', id: 't-1', name: 'Bash', input }, ...texts.map((text) => ({ text }))]);
          };
          const result = masked(mask, record([first, second, 'nothing']));
          const expected = MARKS.reduce(
            (text, mark, index) => text.replaceAll(mark, placeholder(index + 1)),
            JSON.stringify(record([...MARKS, 'nothing'])),
          );
          expect(JSON.stringify(result)).toBe(expected);
        },
      ),
    );
  });

  it('has no value left, not even where they overlap, or one is inside another', () => {
    const value = fc.array(fc.constantFrom('a', 'b', '"', '\\', '\n', '語', '/'), { minLength: 8, maxLength: 14 });
    const values = fc.array(value, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        values,
        fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
        depth,
        ways,
        (parts, order, deep, how) => {
          const all = parts.map((part) => part.join('').trim());
          const mask = maskOf(...all);
          const text = order.map((index) => all[index % all.length] ?? '').join('');
          const result = masked(mask, said([{ type: 'text', text: wrapped(text, deep, how) }]));
          expect(mask.holds(Buffer.from(JSON.stringify(result)))).toBe(false);
          const left = [...textsIn(result)].join('\0');
          expect(all.filter((each) => each.replace(/[\\\s]/g, '').length >= 4 && left.includes(each))).toEqual([]);
        },
      ),
    );
  });

  it('keeps what links and names it, and what is signed', () => {
    const mask = maskOf('toolu_01ABCDEF', 'e5f6a7b8-secret', 'a signed thought');
    const record = {
      ...{ type: 'assistant', uuid: 'e5f6a7b8-secret', parentUuid: 'e5f6a7b8-secret', cwd: '/home/e5f6a7b8-secret/x' },
      message: {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'a signed thought', signature: 'c2ln' },
          { type: 'tool_use', id: 'toolu_01ABCDEF', name: 'toolu_01ABCDEF', input: { id: 'toolu_01ABCDEF' } },
          { type: 'tool_result', tool_use_id: 'toolu_01ABCDEF', content: [{ type: 'text', text: 'a signed thought' }] },
        ],
      },
    };
    expect(masked(mask, record)).toEqual({
      ...{ ...record, cwd: '/home/[masked 2: test key]/x' },
      message: {
        role: 'assistant',
        content: [
          record.message.content[0],
          { ...record.message.content[1], input: { id: placeholder(1) } },
          { ...record.message.content[2], content: [{ type: 'text', text: placeholder(3) }] },
        ],
      },
    });
  });

  it('is masked where it names a model, rather than lost', () => {
    const answer = (model: string) => ({ type: 'assistant', message: { role: 'assistant', model, content: [] } });
    expect(masked(maskOf('a-secret-model'), answer('a-secret-model'))).toEqual(answer(placeholder(1)));
  });

  it('has both values where two keys are alike without their secrets', () => {
    const input = { 'a "secret" key': 1, 'a \\"secret\\" key': 2, other: 3 };
    const result = masked(maskOf('"secret" key'), said([{ type: 'tool_use', id: 't', name: 'Edit', input }]));
    expect(result).toEqual(
      said([
        {
          ...{ type: 'tool_use', id: 't', name: 'Edit' },
          input: { [`a ${placeholder(1)}`]: 1, [`a ${placeholder(1)} (2)`]: 2, other: 3 },
        },
      ]),
    );
  });

  it('has a placeholder in each string that a value goes over, and the words of Claude Code between them', () => {
    const record = said([
      { type: 'text', text: 'postgres://me:one' },
      { type: 'text', text: 'two@host and more' },
    ]);
    const [start, end] = ['me:one', 'two@host'];
    const across = JSON.stringify(record).split(start)[1]?.split(end)[0] ?? '';
    expect(masked(maskOf(`${start}${across}${end}`), record)).toEqual(
      said([
        { type: 'text', text: `postgres://${placeholder(1)}` },
        { type: 'text', text: `${placeholder(1)} and more` },
      ]),
    );
  });

  it('is the same whether its bytes were decoded as UTF-8 or as latin1', () => {
    const mask = maskOf('schlüssel"日本語\n1');
    const json = JSON.stringify(said('größer: schlüssel"日本語\n1, ende'));
    const latin1 = JSON.parse(Buffer.from(json).toString('latin1')) as JsonRecord;
    mask.inRecord(latin1, 'latin1');
    expect(Buffer.from(JSON.stringify(latin1), 'latin1').toString()).toBe(
      JSON.stringify(said(`größer: ${placeholder(1)}, ende`)),
    );
  });
});

describe('a mask', () => {
  it('gives each value one number, in order, and counts different ones', () => {
    const values = [
      { kind: 'GitHub token', value: 'first value' },
      { kind: 'private key', value: 'line one\nline two' },
      { kind: 'GitHub token', value: 'second value' },
      { kind: 'bearer token', value: 'line one\\nline two' },
    ];
    const mask = new Mask(values, 7);
    expect(mask.inText('second value, first value, line one\\nline two, first value')).toBe(
      '[masked 9: GitHub token], [masked 7: GitHub token], [masked 8: private key], [masked 7: GitHub token]',
    );
    expect(mask.counts).toEqual([
      { kind: 'GitHub token', count: 2 },
      { kind: 'private key', count: 1 },
    ]);
  });

  it('has no placeholder in which one of the values stands', () => {
    const mask = new Mask([{ kind: 'GitHub token', value: 'GitHub token' }], 1);
    expect(mask.inText('a GitHub token here')).toBe('a [masked 1: value] here');
  });

  it('changes nothing in a text that holds no value', () => {
    const text = 'half a character \ud83d, "[masked 1: x]", \\n and \n';
    expect(maskOf('nothing of this').inText(text)).toBe(text);
  });
});
