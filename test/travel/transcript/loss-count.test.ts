import { expect, it } from 'vitest';
import { LossCount } from '../../../src/travel/transcript/loss-count.ts';

it.each([
  [1, '1 part that shows files like .env'],
  [1200, '1,200 parts that show files like .env'],
])('tells of %i', (count, words) => {
  const losses = new LossCount();
  losses.add('secretFile', count);
  expect(losses.losses()).toMatchObject([{ what: words }]);
});
