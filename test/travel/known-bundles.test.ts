import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { writerMark } from '../../src/files/writer-mark.ts';
import { type KnownBundle, KnownBundles } from '../../src/travel/known-bundles.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const [FIRST, SECOND, STRANGE] = ['a', 'b', 'c'].map((letter) => `${letter.repeat(26)}.cclink`) as [
  string,
  string,
  string,
];
const ADDRESS = 'an address';

let root: string;
let folder: string;
let nowSeconds: number;

beforeEach(() => {
  root = temporaryFolder();
  folder = join(root, 'shared');
  mkdirSync(folder);
  nowSeconds = 1000;
});

/** What this machine remembers: opened anew, as each command does. */
const known = () => new KnownBundles(join(root, 'state'), () => nowSeconds * 1000);
const bundle = (name: string, change: Partial<KnownBundle> = {}): KnownBundle => ({
  folder,
  name,
  address: ADDRESS,
  until: 2000,
  ...change,
});
const put = (...names: string[]) => {
  for (const name of names) writeFileSync(join(folder, name), 'sealed');
};
const left = () => readdirSync(folder).sort();

describe('the bundles of this machine', () => {
  it('are removed once their handoff has expired, and nothing else is', async () => {
    put(FIRST, SECOND, STRANGE, 'holiday.jpg');
    await known().note(bundle(FIRST));
    await known().note(bundle(SECOND, { until: 3000 }));
    await known().sweep();
    expect(left()).toHaveLength(4);
    nowSeconds = 2000;
    await known().sweep();
    expect(left()).toEqual([SECOND, STRANGE, 'holiday.jpg']);
  });

  it('are removed under an address, but for the one that replaced them', async () => {
    put(FIRST, SECOND, STRANGE);
    await known().note(bundle(FIRST));
    await known().note(bundle(SECOND));
    await known().note(bundle(STRANGE, { address: 'another' }));
    await known().note(bundle(SECOND, { seq: 7 }));
    expect(await known().removeUnder(ADDRESS, 7)).toEqual([]);
    expect(left()).toEqual([SECOND, STRANGE]);
    await known().removeUnder(ADDRESS);
    expect(left()).toEqual([STRANGE]);
  });

  it('stay while the process that is to publish their handoff runs, and no longer', async () => {
    put(FIRST, SECOND);
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    await known().note(bundle(FIRST, { writer: writerMark() }));
    await known().note(bundle(SECOND, { writer: writerMark().replace(`-${process.pid}-`, `-${ended}-`) }));
    await known().removeUnder(ADDRESS);
    expect(left()).toEqual([FIRST]);
  });

  it('go with the copies that a conflict made of them', async () => {
    put(FIRST, `${'a'.repeat(26)}.sync-conflict-20261126-143000-ABCDEFG.cclink`, `${'a'.repeat(26)}.txt`);
    await known().note(bundle(FIRST));
    await known().remove(bundle(FIRST));
    expect(left()).toEqual([`${'a'.repeat(26)}.txt`]);
  });

  it('that lie on a disk that is away are removed when it is back', async () => {
    put(FIRST);
    await known().note(bundle(FIRST));
    renameSync(folder, join(root, 'away'));
    expect(await known().removeUnder(ADDRESS)).toEqual([folder]);
    renameSync(join(root, 'away'), folder);
    await known().sweep();
    expect(left()).toEqual([]);
  });

  it('are not waited for once their disk has been away for a quarter of a year', async () => {
    put(FIRST);
    await known().note(bundle(FIRST));
    renameSync(folder, join(root, 'away'));
    nowSeconds = 2000 + 91 * 86_400;
    await known().sweep();
    renameSync(join(root, 'away'), folder);
    await known().sweep();
    expect(left()).toEqual([FIRST]);
  });

  it('are no links: what a stranger put there is left alone', async () => {
    writeFileSync(join(root, 'precious'), 'x');
    symlinkSync(join(root, 'precious'), join(folder, FIRST));
    await known().note(bundle(FIRST));
    await known().removeUnder(ADDRESS);
    expect(left()).toEqual([FIRST]);
    expect(readdirSync(root)).toContain('precious');
  });

  it.each([
    ['damaged', 'not json'],
    ['of another shape', '{"folder":"/"}'],
    ['edited to name another file', JSON.stringify([{ folder: '/', name: '../etc/passwd', address: '', until: 0 }])],
    ['edited to name a relative folder', JSON.stringify([{ folder: '.', name: FIRST, address: '', until: 0 }])],
  ])('are none where the memory is %s', async (_, content) => {
    mkdirSync(join(root, 'state'));
    writeFileSync(join(root, 'state', 'bundles.json'), content);
    put(FIRST);
    await known().sweep();
    expect(left()).toEqual([FIRST]);
    await known().note(bundle(SECOND));
    put(SECOND);
    await known().removeUnder(ADDRESS);
    expect(left()).toEqual([FIRST]);
  });
});
