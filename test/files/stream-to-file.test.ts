import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { streamInto, streamToFile } from '../../src/files/stream-to-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, 'file');
});

async function* stream(...chunks: readonly (string | Error)[]) {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield Buffer.from(chunk);
  }
}

describe('a stream that is written to a file', () => {
  it('becomes a private file, and its size is told', async () => {
    expect(await streamToFile(path, stream('one', '', 'two'), { mayReplace: false })).toBe(6);
    expect(readFileSync(path, 'utf8')).toBe('onetwo');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('replaces a file only where it may, and then a link rather than what that leads to', async () => {
    writeFileSync(path, 'old');
    expect(await streamToFile(path, stream('new'), { mayReplace: false })).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe('old');
    const link = join(folder, 'link');
    symlinkSync('file', link);
    expect(await streamToFile(link, stream('new'), { mayReplace: false })).toBeNull();
    expect(await streamToFile(link, stream('new'), { mayReplace: true })).toBe(3);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readFileSync(link, 'utf8')).toBe('new');
    expect(readdirSync(folder).sort()).toEqual(['file', 'link']);
  });

  it('leaves nothing if the stream fails, or there is no such folder', async () => {
    const error = new Error('broken off');
    await expect(streamToFile(path, stream('one', error), { mayReplace: false })).rejects.toBe(error);
    expect(readdirSync(folder)).toEqual([]);
    const missing = join(folder, 'missing/file');
    await expect(streamToFile(missing, stream('one'), { mayReplace: true })).rejects.toMatchObject({ code: 'refused' });
  });

  it.runIf(canMount)('leaves the old file, and nothing else, if the disk is full', async () => {
    await withTinyDisk(64, async ({ path: disk }) => {
      const file = join(disk, 'file');
      writeFileSync(file, 'old');
      const work = streamToFile(file, stream('x'.repeat(40_000), 'x'.repeat(40_000)), { mayReplace: true });
      await expect(work).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('disk is full') });
      expect(readdirSync(disk)).toEqual(['file']);
      expect(readFileSync(file, 'utf8')).toBe('old');
    });
  });

  it('sweeps what a killed writer left, and nobody else’s file', async () => {
    const old = join(folder, '~0123456789abcdef.tmp');
    writeFileSync(old, 'half');
    utimesSync(old, 1, 1);
    for (const name of ['~fedcba9876543210.tmp', '~notes.tmp', '~$report.tmp']) writeFileSync(join(folder, name), '');
    mkdirSync(join(folder, '~00000000-1-0123456789abcdef.tmp'));
    await streamToFile(path, stream('one'), { mayReplace: false });
    expect(readdirSync(folder).sort()).toEqual(
      ['file', '~fedcba9876543210.tmp', '~notes.tmp', '~$report.tmp', '~00000000-1-0123456789abcdef.tmp'].sort(),
    );
  });

  it('leaves nothing where the process is ended by a signal that it notices', async () => {
    const module = fileURLToPath(new URL('../../src/files/stream-to-file.ts', import.meta.url));
    const script = `
      import { streamToFile } from ${JSON.stringify(module)};
      async function* slow() { yield Buffer.from('half'); process.stdout.write('.'); await new Promise((done) => setTimeout(done, 60_000)); }
      process.on('SIGINT', () => process.exit(130));
      await streamToFile(${JSON.stringify(path)}, slow(), { mayReplace: false });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    await once(child.stdout, 'data');
    expect(readdirSync(folder)).toHaveLength(1);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('goes straight into a pipe or a device', async () => {
    expect(await streamInto('/dev/null', stream('one', 'two'))).toBe(6);
    await expect(streamInto('/dev/full', stream('one'))).rejects.toMatchObject({ code: 'refused' });
    expect(existsSync(path)).toBe(false);
  });
});
