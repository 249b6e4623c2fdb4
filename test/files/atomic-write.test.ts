import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import { createAtomically, sweepTemporaries, writeAtomically } from '../../src/files/atomic-write.ts';
import { startWriter } from '../support/start-writer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const onUnix = process.platform !== 'win32';
const bytes = (text: string) => Buffer.from(text);

/** What `work` throws. */
function failureOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return 'it did not fail';
}

describe('writing a file whole or not at all', () => {
  it('writes exactly these bytes, and leaves nothing else in the folder', () => {
    const path = join(temporaryFolder(), 'file');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (content) => {
        writeAtomically(path, content);
        expect(Uint8Array.from(readFileSync(path))).toEqual(content);
        expect(readdirSync(join(path, '..'))).toEqual(['file']);
      }),
      { numRuns: 30 },
    );
  });

  it('removes what a killed writer left beside it, and nothing else', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'secret_key');
    const writer = startWriter('before replacing', path);
    await once(writer.stdout, 'data');
    const random = '0123456789abcdef';
    const others = [`.secret_key.${random}`, `.other.${random}.tmp`, `.secret_key.x-1-${random}.tmp`, 'notes.tmp'];
    const [old, recent] = [`.secret_key.aaaaaaaaaaaaaaaa.tmp`, `.secret_key.${random}.tmp`];
    for (const name of [...others, old, recent]) writeFileSync(join(folder, name), 'left');
    utimesSync(join(folder, old), 0, 0);
    if (onUnix) symlinkSync('notes.tmp', join(folder, '.secret_key.bbbbbbbbbbbbbbbb.tmp'));
    const links = onUnix ? ['.secret_key.bbbbbbbbbbbbbbbb.tmp'] : [];
    sweepTemporaries(path);
    const its = readdirSync(folder).filter((name) => name.includes(`-${writer.pid}-`));
    expect(readdirSync(folder).toSorted()).toEqual([...others, recent, ...links, ...its].toSorted());
    expect(its).toHaveLength(1);

    writer.kill('SIGKILL');
    await once(writer, 'exit');
    writeAtomically(path, bytes('new'));
    expect(readdirSync(folder).toSorted()).toEqual([...others, recent, ...links, 'secret_key'].toSorted());
  });

  it.runIf(onUnix)('makes it 0600 whatever the umask, and whatever the old file had', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, 'old', { mode: 0o644 });
    writeAtomically(path, bytes('new'));
    expect(statSync(path).mode & 0o7777).toBe(0o600);
  });

  it.runIf(onUnix)('replaces a symbolic link, not the file that it points to', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'target'), 'untouched');
    symlinkSync('target', join(folder, 'link'));
    writeAtomically(join(folder, 'link'), bytes('new'));
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'link'), 'utf8')).toBe('new');
  });

  it('has the old file in place while the last step before replacing runs, and keeps it if that fails', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    writeFileSync(path, 'old');
    const failure = failureOf(() =>
      writeAtomically(path, bytes('new'), () => {
        expect(readFileSync(path, 'utf8')).toBe('old');
        throw new Failure('key-exists', 'No.');
      }),
    );
    expect(failure).toMatchObject({ code: 'key-exists' });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('does not replace a folder, and says so', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'file'));
    const failure = failureOf(() => writeAtomically(join(folder, 'file'), bytes('x')));
    expect(failure).toMatchObject({ name: 'Failure', code: 'refused' });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('says that the folder is missing', () => {
    const failure = failureOf(() => writeAtomically(join(temporaryFolder(), 'none', 'file'), bytes('x')));
    expect(failure).toMatchObject({ code: 'refused', message: expect.stringContaining('its folder does not exist') });
  });
});

describe('creating a file that must not be there', () => {
  it('creates it whole, once, and never touches what is there', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    expect(createAtomically(path, bytes('first'))).toBe(true);
    expect(createAtomically(path, bytes('second'))).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(readdirSync(folder)).toEqual(['file']);
    if (onUnix) expect(statSync(path).mode & 0o7777).toBe(0o600);
  });

  it.runIf(onUnix)('takes a symbolic link to nowhere for something that is there', () => {
    const folder = temporaryFolder();
    symlinkSync('nowhere', join(folder, 'link'));
    expect(createAtomically(join(folder, 'link'), bytes('x'))).toBe(false);
    expect(readlinkSync(join(folder, 'link'))).toBe('nowhere');
  });
});

describe('where the system declines', () => {
  it.runIf(onUnix)('a folder without write permission leaves the old file, and is named in plain words', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    writeFileSync(path, 'old');
    chmodSync(folder, 0o555);
    // Permissions mean nothing to root, so root writes as nobody here.
    const root = process.getuid?.() === 0;
    if (root) chownSync(folder, 65_534, 65_534);
    let failure: unknown;
    try {
      if (root) process.seteuid?.(65_534);
      failure = failureOf(() => writeAtomically(path, bytes('new')));
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
    expect(failure).toMatchObject({ name: 'Failure', code: 'refused' });
    expect(failure).toMatchObject({ message: `Cannot write ${path}: permission denied.` });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it.runIf(canMount)('a full disk leaves the old file and no remains, and is called so', async () => {
    await withTinyDisk(16, async ({ path: disk }) => {
      const path = join(disk, 'file');
      writeAtomically(path, bytes('old'));
      const failure = failureOf(() => writeAtomically(path, Buffer.alloc(100_000)));
      expect(failure).toMatchObject({ code: 'refused', message: `Cannot write ${path}: the disk is full.` });
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(disk)).toEqual(['file']);
      expect(failureOf(() => createAtomically(join(disk, 'other'), Buffer.alloc(100_000)))).toMatchObject({
        code: 'refused',
      });
      expect(readdirSync(disk)).toEqual(['file']);
    });
  });

  it.runIf(canMount)('a read-only disk is called so', async () => {
    await withTinyDisk(16, async ({ path: disk, seal }) => {
      const path = join(disk, 'file');
      writeAtomically(path, bytes('old'));
      await seal();
      const failure = failureOf(() => writeAtomically(path, bytes('new')));
      expect(failure).toMatchObject({
        code: 'refused',
        message: `Cannot write ${path}: it is on a read-only disk.`,
      });
      expect(readFileSync(path, 'utf8')).toBe('old');
    });
  });

  it.skipIf(canMount)('full and read-only disks: NOT TESTED, as this process may not mount one', () => {});
});

describe.runIf(onUnix)('killed with SIGKILL', () => {
  it('just before replacing, it leaves the old file', async () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, 'old');
    const child = startWriter('before replacing', path);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('in the middle of writing, it leaves one whole file, and readers never saw another', async () => {
    const path = join(temporaryFolder(), 'file');
    const isWhole = (content: Buffer) => content.length === 4_000_000 && content.every((byte) => byte === content[0]);
    for (const reads of [3, 20]) {
      writeFileSync(path, Buffer.alloc(4_000_000, 'z'));
      const child = startWriter('large files', path);
      await once(child.stdout, 'data');
      for (let n = 0; n < reads; n++) expect(isWhole(readFileSync(path))).toBe(true);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(isWhole(readFileSync(path))).toBe(true);
    }
  });
});
