import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeCandidates, findClaude } from '../../src/process/find-claude.ts';
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
      for (const PATH of ['', ':', '.', '::.', '../claude/']) expect(findClaude({ PATH }, 'linux'), PATH).toBe(null);
    } finally {
      process.chdir(before);
    }
    expect(findClaude({}, 'linux')).toBe(null);
  });
});

describe('the claude program on Windows', () => {
  it('is looked for with the endings that can be started, .exe before a shim in the same folder', () => {
    const env = { Path: '"C:\\Program Files\\x";bin;D:\\npm', PathExt: '.COM;.EXE;.BAT;.CMD;.VBS;.JS' };
    expect(claudeCandidates(env, 'win32')).toEqual([
      'C:\\Program Files\\x\\claude.com',
      'C:\\Program Files\\x\\claude.exe',
      'C:\\Program Files\\x\\claude.bat',
      'C:\\Program Files\\x\\claude.cmd',
      'D:\\npm\\claude.com',
      'D:\\npm\\claude.exe',
      'D:\\npm\\claude.bat',
      'D:\\npm\\claude.cmd',
    ]);
    expect(claudeCandidates({ PATH: 'C:\\x', PATHEXT: '.cmd;.exe' }, 'win32')).toEqual([
      'C:\\x\\claude.exe',
      'C:\\x\\claude.cmd',
    ]);
  });
});
