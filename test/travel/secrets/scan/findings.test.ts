import { describe, expect, it } from 'vitest';
import { Findings } from '../../../../src/travel/secrets/scan/findings.ts';

const place = (value: string, line = 1, file = 'session.jsonl') => ({ file, line, value });

describe('what was found', () => {
  it('counts different values and their places, the most frequent kind first', () => {
    const found = new Findings();
    found.add('rare', place('a'));
    for (const line of [1, 2, 2, 3, 4]) found.add('frequent', place('b', line));
    found.add('frequent', place('c', 5, 'b1.txt'));
    expect(found.kinds()).toEqual([
      {
        ...{ kind: 'frequent', values: 2, places: 6 },
        first: [
          { ...place('b', 1), times: 1 },
          { ...place('b', 2), times: 2 },
          { ...place('b', 3), times: 1 },
        ],
      },
      { kind: 'rare', values: 1, places: 1, first: [{ ...place('a'), times: 1 }] },
    ]);
    expect([...found.values()].map(({ value }) => value)).toEqual(['a', 'b', 'c']);
    expect([...found.files]).toEqual(['session.jsonl', 'b1.txt']);
  });

  it('is of the kind that it was found to be first', () => {
    const found = new Findings();
    found.add('token', place('a'));
    found.add('value of a setting', place('a', 2));
    expect([...found.values()]).toEqual([{ kind: 'token', value: 'a' }]);
    expect(found.kinds()).toMatchObject([{ kind: 'token', values: 1, places: 2 }]);
  });

  it('tells whether what was found later is more', () => {
    const [found, same, more] = [new Findings(), new Findings(), new Findings()];
    found.add('token', place('a'));
    same.add('key', place('a'));
    more.add('key', place('b'));
    expect(found.addAll(same)).toBe(false);
    expect(found.addAll(more)).toBe(true);
    expect([...found.values()]).toEqual([
      { kind: 'token', value: 'a' },
      { kind: 'key', value: 'b' },
    ]);
  });

  it('is too much above a hundred thousand values, or 32 MB of them in memory', () => {
    const [many, long] = [new Findings(), new Findings()];
    for (let number = 0; number < 100_000; number += 1) many.add('number', place(`${number}`));
    for (let number = 0; number < 16; number += 1) long.add('text', place(`${number}`.padEnd(1_000_000)));
    for (const found of [many, long]) {
      expect(found.areTooMany).toBe(false);
      found.add('one', place('more'));
      expect(found.areTooMany).toBe(true);
    }
  });
});
