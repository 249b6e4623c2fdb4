import { mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { gitRootOf } from '../../src/claude/git-root.ts';
import { newestSessions, type Surroundings, sessionsOf } from '../../src/claude/sessions-here.ts';
import { said, sampleClaudeFolder, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A machine with directories and sessions. */
function machine() {
  const root = realpathSync(temporaryFolder());
  const claude = join(root, 'claude');
  let count = 0;
  return {
    root,
    claude,
    directory(name: string): string {
      mkdirSync(join(root, name), { recursive: true });
      return join(root, name);
    },
    /** A session started in `directory`, newer than those before. Returns its id. */
    session(directory: string, lines: object[] = [said(directory)], projectFolder = slugOf(directory)): string {
      const id = sessionId(++count);
      writeTranscript(claude, projectFolder, id, lines, 1_700_000_000_000 + count * 1000);
      return id;
    },
    here(cwd: string, gitRoot: string | null = null, more: Surroundings = {}): string[] {
      return [...sessionsOf(claude, cwd, { gitRoot, ...more })].map(({ id }) => id);
    },
  };
}

describe('the sessions of a directory', () => {
  it('are those started there or below, newest first, and none beside it', () => {
    const { directory, session, here } = machine();
    const app = directory('app');
    const ids = [session(app), session(directory('app/lib')), session(directory('app/lib/deep')), session(app)];
    session(directory('app-two'));
    session(directory('other'));
    session(directory('.'));
    expect(here(app)).toEqual(ids.toReversed());
  });

  it('are also those above it, up to the git root and no further', () => {
    const { directory, session, here } = machine();
    const [outside, root, middle, cwd] = ['w', 'w/repo', 'w/repo/packages', 'w/repo/packages/a'].map(directory) as [
      string,
      string,
      string,
      string,
    ];
    session(outside);
    const ids = [session(root), session(middle), session(cwd)];
    session(directory('w/repo/packages/b'));
    expect(here(cwd, root)).toEqual(ids.toReversed());
    expect(here(cwd, null)).toEqual(ids.slice(2));
    expect(here(cwd, directory('elsewhere'))).toEqual(ids.slice(2));
  });

  it('are told apart where two directories give the project folder one name', () => {
    const { directory, session, here } = machine();
    const [dash, slash] = [directory('a-b'), directory('a/b')];
    expect(slugOf(dash)).toBe(slugOf(slash));
    const [inDash, inSlash] = [session(dash), session(slash)];
    expect(here(dash)).toEqual([inDash]);
    expect(here(slash)).toEqual([inSlash]);
    expect(here(directory('a'))).toEqual([inSlash]);
  });

  it('stay where they were started, wherever they changed to', () => {
    const { directory, session, here } = machine();
    const [app, other] = [directory('app'), directory('other')];
    const id = session(app, [said(other), said(app), said(other)]);
    expect(here(app)).toEqual([id]);
    expect(here(other)).toEqual([]);
  });

  it('follow a session that was moved to another directory', () => {
    const { claude, directory, session } = machine();
    const [first, second] = [directory('first'), directory('second')];
    session(second, [said(first), said(second), { type: 'relocated', relocatedCwd: second }]);
    expect([...sessionsOf(claude, second)].map((it) => it.directory)).toEqual([second]);
    expect([...sessionsOf(claude, first)]).toEqual([]);
  });

  it('count a transcript that was copied to the project folder, and names other directories only', () => {
    const { claude, directory, session } = machine();
    const app = directory('app');
    const id = session(app, [said('/home/alice/proj')]);
    expect([...sessionsOf(claude, app)].map((it) => [it.id, it.directory])).toEqual([[id, app]]);
    // Nobody can tell which directory below this one it would be.
    expect([...sessionsOf(claude, directory('.'))]).toEqual([]);
  });

  it('are found through symbolic links, on either side', () => {
    const { root, directory, session, here } = machine();
    const real = directory('real/app');
    symlinkSync(join(root, 'real'), join(root, 'link'));
    const id = session(real);
    expect(here(join(root, 'link/app'))).toEqual([id]);
    expect(here(join(root, 'link'))).toEqual([id]);
    expect(here(real, join(root, 'link'))).toEqual([id]);
  });

  it('are found where the directory is long, or not in ASCII', () => {
    for (const name of ['Grüße 😀/日本語', `${'long-name '.repeat(12)}/${'långer weg '.repeat(12)}`]) {
      const { directory, session, here } = machine();
      const [app, below] = [directory(name), directory(join(name, 'sub'))];
      const ids = [session(app), session(below)];
      session(directory(`${name}2`));
      expect(here(app)).toEqual(ids.toReversed());
      expect(here(below, app)).toEqual(ids.toReversed());
    }
  });

  it('are found in a project folder whose name was set by hand', () => {
    const { directory, session, here } = machine();
    const app = directory('app');
    const id = session(app, [said(app)], 'my_project');
    session(directory('other'), [said(directory('other'))], 'my_project');
    expect(here(app)).toEqual([id]);
  });

  it('do not include one in which nobody said anything', () => {
    const { directory, session, here } = machine();
    const app = directory('app');
    session(app, [{ type: 'mode', mode: 'normal', cwd: app }]);
    session(app, []);
    expect(here(app)).toEqual([]);
  });

  it('do not include one from another system', () => {
    const { directory, session, here } = machine();
    session('C:\\work');
    expect(here(directory('.'))).toEqual([]);
  });

  it('come with those that somebody typed in first, then those of programs, then shell lines', () => {
    const { directory, session, here } = machine();
    const app = directory('app');
    const record = (more: object) => ({ ...said(app), ...more });
    const typed = session(app, [record({ entrypoint: 'cli' })]);
    const shell = session(app, [said(app, '<bash-input>ls</bash-input>')]);
    const runs = [session(app, [record({ entrypoint: 'sdk-cli' })]), session(app, [record({ teamName: 't' })])];
    session(app, [said(app, '<command-name>/clear</command-name>')]);
    session(app, [record({ isSidechain: true })]);
    expect(here(app)).toEqual([typed, ...runs.toReversed(), shell]);
  });

  it('do not include one that Claude Code went on with in another, if that is here', () => {
    const { directory, session, here } = machine();
    const app = directory('app');
    const now = session(app);
    session(app, [said(app), { type: 'continued-in', continuedInSessionId: now }]);
    const alone = session(app, [said(app), { type: 'continued-in', continuedInSessionId: sessionId(999) }]);
    expect(here(app)).toEqual([alone, now]);
  });

  it('are found under the name that a link gives the directory, here or on another machine', () => {
    for (const [link, target, work] of [
      ['work', 'data', 'work/proj'],
      ['proj', 'data/proj-v2', 'proj'],
    ] as const) {
      const { root, directory, session, here } = machine();
      const real = work === 'proj' ? directory(target) : directory('data/proj');
      symlinkSync(join(root, target), join(root, link));
      const id = session(join(root, work));
      expect(here(real)).toEqual([id]);
      const newer = session(real);
      expect(here(real, null, { spelling: join(root, work) })).toEqual([newer, id]);
      expect(here(directory('elsewhere'), null, { spelling: join(root, work) })).toEqual([]);
    }
  });

  it('are found where a name is decomposed, as macOS may have it, and composed in the records', () => {
    const { root, directory, session, here } = machine();
    const app = directory('Gru\u0308n/app');
    const composed = join(root, 'Gr\u00fcn/app');
    const ids = [session(app), session(composed, [said(composed)])];
    expect(here(app)).toEqual(ids.toReversed());
  });

  it('are found in a project folder that is a link, once', () => {
    const { claude, directory, session, here } = machine();
    const app = directory('app');
    const id = session(app);
    const folder = join(claude, 'projects', slugOf(app));
    renameSync(folder, join(claude, 'projects/-moved'));
    symlinkSync(join(claude, 'projects/-moved'), folder);
    expect(here(app)).toEqual([id]);
  });

  it('include one that is open here, wherever its file lies', () => {
    const { root, directory, session, here } = machine();
    const [app, other] = [directory('app'), directory('other')];
    symlinkSync(app, join(root, 'link'));
    const id = session(other);
    session(other);
    const live = [{ pid: 2, sessionId: id, cwd: join(root, 'link') }];
    expect(here(app, null, { live })).toEqual([id]);
    expect(here(other, null, { live: [{ ...live[0], cwd: '/gone' } as (typeof live)[0]] })).toHaveLength(2);
  });

  it('tell what could not be read', () => {
    const { claude, directory, session } = machine();
    const app = directory('app');
    const id = session(app);
    symlinkSync(`${slugOf(app)}-loop`, join(claude, 'projects', `${slugOf(app)}-loop`));
    const told: string[] = [];
    const sessions = [...sessionsOf(claude, app, { onUnreadable: (path) => told.push(path) })];
    expect(sessions.map((it) => it.id)).toEqual([id]);
    expect(new Set(told)).toEqual(new Set([join(claude, 'projects', `${slugOf(app)}-loop`)]));
  });

  it('know titles and prompts', () => {
    const claude = sampleClaudeFolder();
    const sessions = [...sessionsOf(claude, '/home/alice/proj')].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    expect(sessions.map(({ title, firstPrompt, directory }) => [title, firstPrompt, directory])).toEqual([
      ['remember the word ZEBRA', 'remember the word ZEBRA', '/home/alice/proj'],
      ['notes cleanup', 'remember the word ZEBRA', '/home/alice/proj'],
      ['remember the word ZEBRA', 'remember the word ZEBRA', '/home/alice/proj'],
    ]);
  });

  it('are found among 10,000 without a look at other projects, or into more transcripts than are asked for', () => {
    const { claude, root } = machine();
    for (let number = 0; number < 10_000; number++) {
      const directory = `${root}/app/p${number % 100}`;
      const folder = join(claude, 'projects', slugOf(directory));
      if (number < 100) mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${sessionId(number)}.jsonl`), JSON.stringify(said(directory)));
    }
    mkdirSync(join(root, 'app/p7'), { recursive: true });
    /** The shortest of three runs, in milliseconds, as other tests share the machine. */
    const time = (count: number, directory: string) => {
      const runs = [1, 2, 3].map(() => {
        const start = performance.now();
        expect([...take(sessionsOf(claude, join(root, directory)), count)]).toHaveLength(count);
        return performance.now() - start;
      });
      return Math.min(...runs);
    };
    const [ofOneProject, ofAll, everyOne] = [time(1, 'app/p7'), time(1, 'app'), time(10_000, 'app')];
    expect(ofOneProject).toBeLessThan(ofAll / 2);
    expect(ofAll).toBeLessThan(everyOne / 2);
  });
});

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const item of items) {
    yield item;
    if (++taken === count) return;
  }
}

describe('the newest sessions', () => {
  it('are those last written, wherever they belong, without the empty ones', () => {
    const { claude, directory, session } = machine();
    const ids = [session(directory('a')), session(directory('b')), session('C:\\work')];
    session(directory('c'), []);
    expect(newestSessions(claude, 2).map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 2));
    expect(newestSessions(claude, 10).map(({ directory }) => directory)).toEqual([
      'C:\\work',
      directory('b'),
      directory('a'),
    ]);
  });
});

describe('the git root', () => {
  it('is the nearest directory upwards that holds .git, a folder or a file', () => {
    const { root, directory } = machine();
    const deep = directory('repo/a/b');
    mkdirSync(join(root, 'repo/.git'));
    expect(gitRootOf(deep)).toBe(join(root, 'repo'));
    writeFileSync(join(root, 'repo/a/.git'), 'gitdir: elsewhere');
    expect(gitRootOf(deep)).toBe(join(root, 'repo/a'));
    symlinkSync(deep, join(root, 'link'));
    expect(gitRootOf(join(root, 'link'))).toBe(join(root, 'repo/a'));
    renameSync(join(root, 'repo/a/.git'), join(root, 'repo/a/b/.git'));
    expect(gitRootOf(deep)).toBe(deep);
  });

  it('is not there outside of a repository', () => {
    expect(gitRootOf('/')).toBe(null);
  });
});
