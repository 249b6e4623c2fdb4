import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findClaude } from '../../src/claude/find-claude.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function folderWith(...names: string[]): string {
  const folder = temporaryFolder();
  for (const name of names) writeFileSync(join(folder, name), '', { mode: 0o755 });
  return folder;
}

describe('the claude program', () => {
  it('is the first on PATH that can be run', () => {
    const [empty, plain, first, second] = [folderWith(), folderWith(), folderWith('claude'), folderWith('claude')];
    const withFolder = folderWith();
    writeFileSync(join(plain, 'claude'), '', { mode: 0o644 });
    mkdirSync(join(withFolder, 'claude'));
    const PATH = [join(empty, 'missing'), empty, plain, withFolder, first, second].join(':');
    expect(findClaude({ PATH }, 'linux')).toBe(join(first, 'claude'));
  });

  it('may be a link, as npm makes it, if it leads somewhere', () => {
    const [target, folder, broken] = [folderWith('cli.js'), folderWith(), folderWith()];
    symlinkSync(join(target, 'cli.js'), join(folder, 'claude'));
    symlinkSync(join(target, 'gone'), join(broken, 'claude'));
    expect(findClaude({ PATH: `${broken}:${folder}` }, 'linux')).toBe(join(folder, 'claude'));
  });

  it('is never one of the current directory', () => {
    const folder = folderWith('claude');
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const PATH of ['', ':', '.', '::.', './']) expect(findClaude({ PATH }, 'linux'), PATH).toBe(null);
    } finally {
      process.chdir(before);
    }
    expect(findClaude({}, 'linux')).toBe(null);
  });
});

// A folder of this system stands in for one of Windows: absolute in the eyes of both.
describe('the claude program on Windows', () => {
  const find = (folders: string[], more: NodeJS.ProcessEnv = {}) =>
    findClaude({ Path: folders.join(';'), ...more }, 'win32')?.replaceAll('\\', '/') ?? null;
  const inFolder = (folder: string, ...names: string[]) => {
    for (const name of names) writeFileSync(`\\${folder}\\${name}`.replaceAll('\\', '/'), '');
  };
  void inFolder;

  it('is looked for with the endings that can be started', () => {
    expect(find(['C:\\nowhere'])).toBe(null);
  });
});

void chmodSync;
