import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeFolderCheck, ownFolderCheck } from '../../src/doctor/folders.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const isRoot = process.getuid?.() === 0;
const at = (path: string) => ownFolderCheck('state-folder', 'what cclink remembers', path);

describe.skipIf(process.platform === 'win32')('a folder of cclink', () => {
  it('is good if it is private and can be written', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '', { mode: 0o600 });
    expect(at(folder)).toMatchObject({ id: 'state-folder', state: 'good', hint: null });
  });

  it('is good if it can be made, and is not made', () => {
    const home = temporaryFolder();
    expect(at(join(home, '.local/state/cclink'))).toMatchObject({ state: 'good' });
    expect(readdirSync(home)).toEqual([]);
  });

  it.each([0o755, 0o770, 0o702])('is bad if others get in: mode %o', (mode) => {
    const folder = join(temporaryFolder(), "it's");
    mkdirSync(folder);
    chmodSync(folder, mode);
    const hint = `chmod 700 '${folder.replace("'", "'\\''")}'`;
    expect(at(folder)).toMatchObject({ state: 'bad', code: 'refused', hint });
  });

  it('is bad if it is a file, or below one', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '', { mode: 0o600 });
    expect(at(file)).toMatchObject({ state: 'bad', code: 'refused' });
    expect(at(join(file, 'cclink'))).toMatchObject({ state: 'bad', code: 'refused' });
  });

  it('is bad if it, or what is above it, is a link that leads nowhere', () => {
    const link = join(temporaryFolder(), 'link');
    symlinkSync('/nowhere/at/all', link);
    for (const path of [link, join(link, 'cclink')]) {
      expect(at(path)).toMatchObject({ state: 'bad', message: `${link} is a link that leads nowhere.` });
    }
  });

  it.skipIf(!isRoot)('is bad if it belongs to the user who typed sudo', () => {
    const folder = temporaryFolder();
    chownSync(folder, 12345, 12345);
    expect(at(folder)).toMatchObject({ state: 'bad', hint: 'Run cclink as that user, without sudo.' });
  });

  it.skipIf(isRoot)('is bad if it, what is in it, or the folder to make it in can not be written', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'of-root'), '', { mode: 0o000 });
    expect(at(folder)).toMatchObject({ state: 'bad', message: expect.stringContaining('of-root') });
    chmodSync(folder, 0o500);
    expect(at(folder)).toMatchObject({ state: 'bad', code: 'refused' });
    expect(at(join(folder, 'cclink'))).toMatchObject({ state: 'bad', code: 'refused' });
    chmodSync(folder, 0o700);
  });

  it.skipIf(!canMount)('is bad on a disk that is full or read-only', async () => {
    await withTinyDisk(1100, async (disk) => {
      expect(at(disk.path)).toMatchObject({ state: 'good' });
      writeFileSync(join(disk.path, 'fill'), Buffer.alloc(600 * 1024), { mode: 0o600 });
      expect(at(disk.path)).toMatchObject({ state: 'bad', message: expect.stringContaining('the disk is full') });
      await disk.seal();
      expect(at(disk.path)).toMatchObject({ state: 'bad', message: expect.stringContaining('read-only') });
    });
  });
});

describe("Claude Code's folder", () => {
  it('is good if its sessions can be read, and not checked while there are none', () => {
    const folder = temporaryFolder();
    const projects = join(folder, 'projects');
    expect(claudeFolderCheck(folder, projects)).toMatchObject({ state: 'not-checked' });
    mkdirSync(projects);
    expect(claudeFolderCheck(folder, projects)).toMatchObject({ state: 'good' });
  });

  it('is bad if it is a file', () => {
    const file = join(temporaryFolder(), '.claude');
    writeFileSync(file, '');
    expect(claudeFolderCheck(file, join(file, 'projects'))).toMatchObject({ state: 'bad', code: 'refused' });
  });

  it.skipIf(isRoot || process.platform === 'win32')('is bad if it can not be read', () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o000);
    expect(claudeFolderCheck(folder, join(folder, 'projects'))).toMatchObject({ state: 'bad', code: 'refused' });
  });
});
