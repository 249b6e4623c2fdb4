import { expect, it } from 'vitest';
import { compareReleases } from '../../src/claude/release.ts';

it('compares versions of Claude Code by their numbers', () => {
  const oldestFirst = ['2.0.9', '2.0.76', '2.1.9', '2.1.119', '2.1.332', '2.2.0', '10.0.0'];
  expect(oldestFirst.toReversed().toSorted(compareReleases)).toEqual(oldestFirst);
  expect(compareReleases('2.1.9', '2.1.9')).toBe(0);
  expect(compareReleases('no version', '0.0.1')).toBeLessThan(0);
});
