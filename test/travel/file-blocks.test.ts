import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileHolds } from '../../src/travel/file-blocks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MEGABYTE = 1024 * 1024;

it.each([0, 500, MEGABYTE - 8, MEGABYTE - 4, MEGABYTE - 1, MEGABYTE, 2 * MEGABYTE - 3])(
  'finds a text in a file wherever it begins (%i)',
  (at) => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, `${'x'.repeat(at)}wanted\n`);
    expect([fileHolds(path, 'wanted'), fileHolds(path, 'wonted')]).toEqual([true, false]);
  },
);

it('finds nothing where there is no file', () => {
  expect(fileHolds(join(temporaryFolder(), 'none'), 'wanted')).toBe(false);
});
