import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheFolder, configFolder, makePrivateFolder, stateFolder } from '../../src/files/folders.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const all = [stateFolder, cacheFolder, configFolder] as const;
const folders = (...args: Parameters<typeof stateFolder>) => all.map((folder) => folder(...args));

describe('our folders', () => {
  it('are below the home folder where the XDG variables say nothing', () => {
    const expected = ['/home/a/.local/state/cclink', '/home/a/.cache/cclink', '/home/a/.config/cclink'];
    expect(folders({}, '/home/a', 'linux')).toEqual(expected);
    expect(folders({}, '/home/a', 'darwin')).toEqual(expected);
  });

  it('are below the XDG folders where those are set', () => {
    const env = { XDG_STATE_HOME: '/x/s', XDG_CACHE_HOME: '/x/c/', XDG_CONFIG_HOME: '/x/g' };
    expect(folders(env, '/home/a', 'linux')).toEqual(['/x/s/cclink', '/x/c/cclink', '/x/g/cclink']);
  });

  it('ignore XDG variables that are empty or relative, as the specification says', () => {
    expect(stateFolder({ XDG_STATE_HOME: '' }, '/home/a', 'linux')).toBe('/home/a/.local/state/cclink');
    expect(stateFolder({ XDG_STATE_HOME: 'state' }, '/home/a', 'linux')).toBe('/home/a/.local/state/cclink');
  });

  it('are apart from each other below %LOCALAPPDATA% on Windows', () => {
    const local = 'C:\\Users\\a\\AppData\\Local';
    const expected = ['state', 'cache', 'config'].map((name) => `${local}\\cclink\\${name}`);
    expect(folders({ LOCALAPPDATA: local }, 'C:\\Users\\a', 'win32')).toEqual(expected);
    expect(folders({}, 'C:\\Users\\a', 'win32')).toEqual(expected);
  });
});

describe('making a private folder', () => {
  it.runIf(process.platform !== 'win32')(
    'gives it and the missing ones above it 0700, and leaves existing ones',
    () => {
      const base = temporaryFolder();
      mkdirSync(join(base, 'there'), { mode: 0o755 });
      makePrivateFolder(join(base, 'there', 'a', 'b'));
      makePrivateFolder(join(base, 'there', 'a', 'b'));
      expect(['a', 'a/b'].map((name) => statSync(join(base, 'there', name)).mode & 0o777)).toEqual([0o700, 0o700]);
      expect(statSync(join(base, 'there')).mode & 0o777).toBe(0o755);
    },
  );

  it('says so where a file is in the way', () => {
    const base = temporaryFolder();
    writeFileSync(join(base, 'file'), '');
    const refused = (message: RegExp) =>
      expect.objectContaining({ name: 'Failure', code: 'refused', message: expect.stringMatching(message) });
    expect(() => makePrivateFolder(join(base, 'file', 'a'))).toThrow(refused(/is a file, not a folder\.$/));
    expect(() => makePrivateFolder(join(base, 'file'))).toThrow(refused(/: a file stands there, /));
    expect(() => makePrivateFolder(join(base, 'a'.repeat(300)))).toThrow(refused(/: its name is too long\.$/));
  });
});
