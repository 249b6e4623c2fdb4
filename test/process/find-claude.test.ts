import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeCandidates, claudeWord, findClaude, installedCandidates } from '../../src/process/find-claude.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function folderWith(...names: string[]): string {
  const folder = temporaryFolder();
  for (const name of names) writeFileSync(join(folder, name), '', { mode: 0o755 });
  return folder;
}

const nowhere = '/nowhere';
const places = (variables: NodeJS.ProcessEnv, home = nowhere, claudeFolder = join(home, '.claude')) => ({
  variables,
  home,
  claudeFolder,
});

describe('the claude program', () => {
  it('is the first on PATH that can be run', () => {
    const [empty, plain, first, second] = [folderWith(), folderWith(), folderWith('claude'), folderWith('claude')];
    const withFolder = folderWith();
    writeFileSync(join(plain, 'claude'), '', { mode: 0o644 });
    mkdirSync(join(withFolder, 'claude'));
    const PATH = [join(empty, 'missing'), empty, plain, withFolder, first, second].join(':');
    expect(findClaude(places({ PATH }), 'linux')).toBe(join(first, 'claude'));
  });

  it('may be a link, as npm makes it, if it leads somewhere', () => {
    const [target, folder, broken] = [folderWith('cli.js'), folderWith(), folderWith()];
    symlinkSync(join(target, 'cli.js'), join(folder, 'claude'));
    symlinkSync(join(target, 'gone'), join(broken, 'claude'));
    expect(findClaude(places({ PATH: `${broken}:${folder}` }), 'linux')).toBe(join(folder, 'claude'));
  });

  it('is never one of the current directory', () => {
    const folder = folderWith('claude');
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const PATH of ['', ':', '.', '::.', '../claude/'])
        expect(findClaude(places({ PATH }), 'linux'), PATH).toBe(null);
    } finally {
      process.chdir(before);
    }
    expect(findClaude(places({}), 'linux')).toBe(null);
  });
});

describe('the claude program that is not on PATH', () => {
  const PATH = '/nowhere/bin';
  const install = (...path: string[]) => {
    const file = join(...path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '', { mode: 0o755 });
    return file;
  };

  it('is found where the native installer and the older local one put it', () => {
    const home = temporaryFolder();
    expect(findClaude(places({ PATH }, home), 'linux')).toBe(null);
    const local = install(home, '.claude/local/claude');
    expect(findClaude(places({ PATH }, home), 'linux')).toBe(local);
    const native = install(home, '.local/bin/claude');
    expect(findClaude(places({ PATH }, home), 'linux')).toBe(native);
    const onPath = folderWith('claude');
    expect(findClaude(places({ PATH: onPath }, home), 'linux')).toBe(join(onPath, 'claude'));
  });

  it('is found in the folder that CLAUDE_CONFIG_DIR names', () => {
    const [home, config] = [temporaryFolder(), temporaryFolder()];
    const local = install(config, 'local/claude');
    expect(findClaude(places({ PATH }, home, config), 'linux')).toBe(local);
  });

  it('is called by its whole path in a line to type, and by its name where PATH leads to it, or it is nowhere', () => {
    const home = temporaryFolder();
    expect(claudeWord(places({ PATH }, home), 'linux')).toBe('claude');
    const native = install(home, '.local/bin/claude');
    expect(claudeWord(places({ PATH }, home), 'linux')).toBe(native);
    expect(claudeWord(places({ PATH: dirname(native) }, home), 'linux')).toBe('claude');
  });

  it('has the endings of Windows there', () => {
    expect(installedCandidates(places({}, 'C:\\Users\\ada', 'C:\\Users\\ada\\.claude'), 'win32')).toEqual([
      'C:\\Users\\ada\\.local\\bin\\claude.exe',
      'C:\\Users\\ada\\.local\\bin\\claude.cmd',
      'C:\\Users\\ada\\.claude\\local\\claude.exe',
      'C:\\Users\\ada\\.claude\\local\\claude.cmd',
    ]);
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
