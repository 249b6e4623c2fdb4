import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slugOf } from '../../../src/claude/folders.ts';
import { findTranscripts } from '../../../src/claude/transcript-files.ts';
import { chooseDestination, type DestinationOptions } from '../../../src/travel/arriving/destination.ts';
import type { Manifest } from '../../../src/travel/bundle/manifest.ts';
import { said, sessionId, writeTranscript } from '../../support/claude-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ID = sessionId(1);
const REMOTE = 'git@github.com:alice/app.git';

/** A machine with a home, and a way to ask where a session is to live there. */
function machine() {
  const root = realpathSync(temporaryFolder());
  const home = join(root, 'home');
  const claudeFolder = join(home, '.claude');
  const directory = (name: string) => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  const checkout = (name: string, remote = REMOTE) => {
    const path = directory(name);
    execFileSync('git', ['init', '-q', path], { env: { PATH: process.env['PATH'] } });
    execFileSync('git', ['-C', path, 'remote', 'add', 'origin', remote], { env: { PATH: process.env['PATH'] } });
    return path;
  };
  const offered: (readonly string[])[] = [];
  const choose = (there: Partial<Manifest>, options: Partial<DestinationOptions> = {}) =>
    chooseDestination(
      {
        directory: '/home/alice/app',
        home: '/home/alice',
        platform: process.platform,
        git: null,
        ...there,
      } as Manifest,
      {
        trust: 'own',
        into: null,
        here: findTranscripts(claudeFolder, ID),
        claudeFolder,
        home: directory('home'),
        workingDirectory: directory('home'),
        variables: process.env,
        ...options,
      },
      async (candidates) => {
        offered.push(candidates);
        return candidates[0] ?? '';
      },
    );
  const session = (id: string, at: string, modifiedMs?: number) =>
    writeTranscript(claudeFolder, slugOf(at), id, [said(at)], modifiedMs);
  return { root, home, directory, checkout, choose, offered, session };
}

const found = (directory: string) => ({ directory, isMissing: false, isChosen: false });
const chosen = (directory: string) => ({ directory, isMissing: false, isChosen: true });
const gitOf = (remote: string, prefix = '') => ({ git: { remote, prefix } as Manifest['git'] });

describe('the directory of a session that comes in', () => {
  it('is the one that was named, whatever else is here', async () => {
    const { root, directory, choose, offered } = machine();
    const app = directory('app');
    symlinkSync(app, join(root, 'link'));
    expect(await choose({ directory: directory('same') }, { into: app })).toEqual(chosen(app));
    expect(await choose({}, { into: join(root, 'link') })).toEqual(chosen(app));
    expect(await choose({}, { into: join(root, 'link/new/one') })).toEqual({
      directory: join(app, 'new/one'),
      isMissing: true,
      isChosen: true,
    });
    writeFileSync(join(root, 'file'), '');
    for (const into of [join(root, 'file'), join(root, 'file/below')]) {
      await expect(choose({}, { into }), into).rejects.toThrow(expect.objectContaining({ code: 'usage' }));
    }
    expect(offered).toEqual([]);
  });

  it('is where the session lives here already, rather than the same path', async () => {
    const { directory, choose, session } = machine();
    const [here, same] = [directory('here'), directory('same')];
    expect(await choose({ directory: same })).toEqual(found(same));
    session(ID, here);
    expect(await choose({ directory: same })).toEqual(found(here));
  });

  it('is the same path only on a system of the same kind', async () => {
    const { directory, choose, offered, home } = machine();
    const same = directory('same');
    expect(await choose({ directory: same, platform: 'win32', home: 'C:\\Users\\a' })).toEqual(chosen(home));
    await choose({ directory: 'C:\\Users\\a\\app', home: 'C:\\Users\\a', platform: 'win32' });
    expect(offered.at(-1)).toEqual([home]);
    const app = directory('home/work/app');
    await choose({ directory: 'C:\\Users\\a\\work\\app', home: 'C:\\Users\\a', platform: 'win32' });
    expect(offered.at(-1)).toEqual([app, home]);
    await choose({ directory: 'C:\\Users\\b\\work\\app', home: 'C:\\Users\\a', platform: 'win32' });
    expect(offered.at(-1)).toEqual([home]);
  });

  it('is a checkout of the same repository around the current directory, and the same place in it', async () => {
    const { directory, checkout, choose, offered } = machine();
    const app = checkout('src/app', 'https://alice:token@github.com/alice/app');
    const inner = directory('src/app/packages/inner');
    const inApp = { workingDirectory: inner };
    expect(await choose(gitOf(REMOTE), inApp)).toEqual(found(app));
    expect(await choose(gitOf(REMOTE, 'packages/inner'), inApp)).toEqual(found(inner));
    // What is not on this branch can't be started in.
    await choose(gitOf(REMOTE, 'packages/gone'), inApp);
    expect(offered.at(-1)).toEqual([inner]);
    await choose(gitOf('git@github.com:alice/other.git'), inApp);
    expect(offered).toHaveLength(2);
  });

  it('is the only checkout among the directories of sessions here; of several one is chosen', async () => {
    const { checkout, directory, choose, offered, session, home } = machine();
    const app = checkout('src/app');
    session(sessionId(2), checkout('src/other', 'git@github.com:alice/other.git'), 1_000_000);
    session(sessionId(3), app, 2_000_000);
    session(sessionId(4), directory('src/app/docs'), 3_000_000);
    expect(await choose(gitOf(REMOTE))).toEqual(found(app));
    const second = checkout('src/second');
    session(sessionId(5), second, 4_000_000);
    expect(await choose(gitOf(REMOTE))).toEqual(chosen(second));
    expect(offered).toEqual([[second, app, home]]);
  });

  it('is never where somebody else says', async () => {
    const { root, home, checkout, directory, choose, offered, session } = machine();
    const other = { trust: 'other' } as const;
    const same = directory('same');
    expect(await choose({ directory: same }, other)).toEqual(chosen(home));
    expect(offered).toEqual([[home]]);
    session(ID, directory('here'));
    const below = directory('home/app');
    const app = checkout('src/app');
    await choose({ directory: below, ...gitOf(REMOTE) }, { ...other, workingDirectory: app });
    expect(offered.at(-1)?.map((path) => path.slice(root.length))).toEqual(['/here', '/home/app', '/src/app']);
    await choose({ directory: `${home}/../same` }, other);
    expect(offered.at(-1)?.map((path) => basename(path))).toEqual(['here', 'home']);
    expect(await choose({ directory: same }, { ...other, into: same })).toEqual(chosen(same));
  });

  it('must be named where there is none to offer', async () => {
    const { choose } = machine();
    await expect(choose({}, { workingDirectory: null })).rejects.toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('--into') }),
    );
  });
});
