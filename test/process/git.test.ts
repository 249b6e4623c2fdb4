import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { gitFacts, gitRemotes, isNewToGit, isSameRemote } from '../../src/process/git.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let home: string;
let repository: string;
const variables = () => ({ PATH: process.env['PATH'], HOME: home });
const facts = (directory = repository, more: NodeJS.ProcessEnv = {}) =>
  gitFacts(directory, { variables: { ...variables(), ...more } });

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  return execFileSync('git', [...identity, '-C', repository, ...args], {
    encoding: 'utf8',
    env: { ...variables(), GIT_CONFIG_NOSYSTEM: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 10_000,
  }).trim();
}

function commit(file: string, text = file): string {
  writeFileSync(join(repository, file), text);
  git('add', file);
  git('commit', '-m', file);
  return git('rev-parse', 'HEAD');
}

/** A program that leaves a mark when it runs, and the path of the mark. */
function trap(name: string): { program: string; mark: string } {
  const mark = join(home, `${name}-ran`);
  const program = join(home, name);
  writeFileSync(program, `#!/bin/sh\n: > '${mark}'\nexit 1\n`);
  chmodSync(program, 0o755);
  return { program, mark };
}

beforeEach(() => {
  home = temporaryFolder();
  repository = join(home, 'repository');
  mkdirSync(repository);
  git('init', '--initial-branch=main');
});

describe('what git says of a repository', () => {
  it('is its remote, branch and commit, the files that changed and the commits that no remote has', async () => {
    const first = commit('a');
    git('remote', 'add', 'origin', 'https://example.com/team/app.git');
    git('update-ref', 'refs/remotes/origin/main', first);
    commit('b');
    const last = commit('c');
    writeFileSync(join(repository, 'a'), 'changed');
    writeFileSync(join(repository, 'new'), '');
    mkdirSync(join(repository, 'packages/app'), { recursive: true });
    writeFileSync(join(repository, 'packages/app/new'), '');
    expect(await facts()).toEqual({
      remote: 'https://example.com/team/app.git',
      prefix: '',
      branch: 'main',
      commit: last,
      changedFiles: 3,
      unpushedCommits: 2,
    });
    expect((await facts(join(repository, 'packages/app')))?.prefix).toBe('packages/app');
  });

  it('names no branch on a detached HEAD, no commit before the first, and no remote where there is none', async () => {
    expect(await facts()).toMatchObject({ branch: 'main', commit: null, changedFiles: 0, unpushedCommits: 0 });
    const first = commit('a');
    git('checkout', '--detach');
    expect(await facts()).toMatchObject({ branch: null, commit: first, remote: null });
  });

  it('is nothing where there is no repository, no git, no such directory, or only a bare repository', async () => {
    expect(await facts(home)).toBeNull();
    expect(await facts(repository, { PATH: home })).toBeNull();
    expect(await facts(join(home, 'missing'))).toBeNull();
    expect(await facts('relative')).toBeNull();
    git('init', '--bare', join(home, 'bare'));
    expect(await facts(join(home, 'bare'))).toBeNull();
    expect(await facts(join(repository, '.git'))).toBeNull();
  });

  it('takes the remote that the branch follows, else origin, else the first', async () => {
    git('remote', 'add', 'first', 'https://example.com/first');
    git('remote', 'add', 'second', 'https://example.com/second');
    expect((await facts())?.remote).toBe('https://example.com/first');
    git('remote', 'add', 'origin', 'https://example.com/origin');
    expect((await facts())?.remote).toBe('https://example.com/origin');
    git('config', 'branch.main.remote', 'second');
    expect((await facts())?.remote).toBe('https://example.com/second');
    const options = { variables: variables() };
    expect(await gitRemotes(repository, options)).toHaveLength(3);
    expect(await gitRemotes(home, options)).toEqual([]);
  });

  it.each([
    ['https://alice:secret@example.com/team/app.git', 'https://example.com/team/app.git'],
    ['https://token@example.com:8443/app?private_token=secret#secret', 'https://example.com:8443/app'],
    ['git@github.com:team/app.git', 'github.com:team/app.git'],
    ['ssh://git:secret@github.com:22/team/app.git', 'ssh://github.com:22/team/app.git'],
    ['alice:secret@example.com:app', 'example.com:app'],
    ['/srv/git/app.git', '/srv/git/app.git'],
    ['../app', '../app'],
    ['ext::sh -c secret', null],
    ['https://[secret', null],
    ['https://example.com/\u001b[2Jsecret', null],
  ])('names the remote %s without what opens it', async (url, shown) => {
    git('config', 'remote.origin.url', url);
    expect((await facts())?.remote).toBe(shown);
  });

  it('goes on without the numbers when its time is over, and with nothing when git hangs', async () => {
    const slow = join(home, 'slow');
    mkdirSync(slow);
    const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
    const wrap = (pattern: string) => {
      writeFileSync(join(slow, 'git'), `#!/bin/sh\ncase "$*" in ${pattern}) exec sleep 60;; esac\nexec ${real} "$@"\n`);
      chmodSync(join(slow, 'git'), 0o755);
    };
    const ask = () =>
      gitFacts(repository, { variables: { ...variables(), PATH: `${slow}:/usr/bin:/bin` }, timeoutMs: 400 });
    const first = commit('a');
    wrap('*status*');
    expect(await ask()).toMatchObject({ commit: first, changedFiles: null, unpushedCommits: 1 });
    wrap('*');
    expect(await ask()).toBeNull();
  });
});

describe('a file in the work tree', () => {
  const isNew = (name: string) => isNewToGit(join(repository, name), { variables: variables() });

  it('is new to git unless it is ignored or committed, whatever its name', async () => {
    commit('known');
    commit('.gitignore', '*.ignored\n');
    for (const name of ['new', '*', ':(top)x', 'a.ignored']) writeFileSync(join(repository, name), '');
    expect(await Promise.all(['new', '*', ':(top)x'].map(isNew))).toEqual([true, true, true]);
    expect(await Promise.all(['known', 'a.ignored', 'none'].map(isNew))).toEqual([false, false, false]);
    expect(await isNewToGit(join(home, 'outside'), { variables: variables() })).toBe(false);
  });
});

describe('a hostile repository', () => {
  it('runs no program that its configuration names', async () => {
    const { program, mark } = trap('trap');
    commit('.gitattributes', '* filter=trap diff=trap\n');
    commit('a', 'aaaa');
    git('config', 'core.fsmonitor', program);
    git('config', 'core.pager', program);
    git('config', 'core.editor', program);
    git('config', 'core.sshCommand', program);
    git('config', 'alias.status', `!${program}`);
    git('config', 'diff.trap.command', program);
    git('config', 'diff.trap.textconv', program);
    git('config', 'filter.trap.clean', program);
    git('config', 'filter.trap.process', program);
    git('config', 'filter.trap.required', 'true');
    git('config', 'core.hooksPath', join(home, 'hooks'));
    mkdirSync(join(home, 'hooks'));
    for (const hook of ['post-index-change', 'reference-transaction', 'fsmonitor-watchman']) {
      writeFileSync(join(home, 'hooks', hook), readFileSync(program), { mode: 0o755 });
    }
    // Of the same size, but touched: git has to look into it, through the filter.
    writeFileSync(join(repository, 'a'), 'bbbb');
    utimesSync(join(repository, 'a'), 1, 1);
    expect(await facts()).toMatchObject({ changedFiles: 1, branch: 'main' });
    expect(existsSync(mark)).toBe(false);
    // The trap does work: with what is configured, git falls into it.
    try {
      git('status');
    } catch {}
    expect(existsSync(mark)).toBe(true);
  });

  it('is not counted where the name of a filter hides it from being turned off', async () => {
    const { program, mark } = trap('trap');
    commit('.gitattributes', '* filter=a=b\n');
    commit('a', 'aaaa');
    git('config', 'filter.a=b.clean', program);
    writeFileSync(join(repository, 'a'), 'bbbb');
    expect(await facts()).toMatchObject({ changedFiles: null, branch: 'main' });
    expect(existsSync(mark)).toBe(false);
  });

  it('fetches nothing for a partial clone', async () => {
    const { program, mark } = trap('trap');
    const first = commit('a');
    const object = git('rev-parse', 'HEAD^{tree}');
    git('remote', 'add', 'origin', `ext::${program}`);
    git('config', 'protocol.ext.allow', 'always');
    git('config', 'extensions.partialClone', 'origin');
    git('config', 'remote.origin.promisor', 'true');
    git('config', 'core.repositoryFormatVersion', '1');
    execFileSync('rm', ['-f', join(repository, '.git/objects', object.slice(0, 2), object.slice(2))]);
    expect(await facts()).toMatchObject({ commit: first, remote: null });
    expect(existsSync(mark)).toBe(false);
    try {
      git('status');
    } catch {}
    expect(existsSync(mark)).toBe(true);
  });

  it("is asked without git's own variables, and its index is not touched", async () => {
    const { program, mark } = trap('trap');
    const first = commit('a');
    utimesSync(join(repository, 'a'), 1, 1);
    const index = join(repository, '.git/index');
    const before = statSync(index, { bigint: true });
    const env = {
      GIT_DIR: '/nowhere',
      GIT_EXTERNAL_DIFF: program,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.fsmonitor',
      GIT_CONFIG_VALUE_0: program,
      GIT_TRACE: join(home, 'trace'),
    };
    expect(await facts(repository, env)).toMatchObject({ commit: first, changedFiles: 0 });
    expect(existsSync(mark)).toBe(false);
    expect(existsSync(join(home, 'trace'))).toBe(false);
    expect(statSync(index, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
  });

  it('has a submodule that is not entered', async () => {
    const { program, mark } = trap('trap');
    commit('a');
    const inner = join(repository, 'inner');
    mkdirSync(inner);
    execFileSync('git', ['init', '-q', inner]);
    execFileSync('git', [
      '-C',
      inner,
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@b',
      'commit',
      '-qm',
      'x',
      '--allow-empty',
    ]);
    git('add', 'inner');
    git('commit', '-m', 'inner');
    appendFileSync(join(inner, '.git/config'), `[core]\n\tfsmonitor = ${program}\n`);
    expect(await facts()).toMatchObject({ changedFiles: 0 });
    expect(existsSync(mark)).toBe(false);
  });

  it('of another owner is refused by git itself', async () => {
    if (process.getuid?.() !== 0) return;
    commit('a');
    execFileSync('chown', ['-R', '12345', repository]);
    expect(await facts()).toBeNull();
  });
});

describe('two remotes', () => {
  it.each([
    ['https://github.com/Team/App.git', 'github.com:team/app', true],
    ['ssh://github.com:22/team/app.git', 'https://github.com/team/app/', true],
    ['https://example.com:8443/app', 'https://example.com/app', true],
    ['https://github.com/team/app', 'https://gitlab.com/team/app', false],
    ['https://github.com/team/app', 'https://github.com/team/app2', false],
    ['/srv/git/app', '/srv/git/app', true],
    ['/srv/git/app', '/srv/git/App', false],
  ])('%s and %s are one repository: %s', (a, b, same) => {
    expect(isSameRemote(a, b)).toBe(same);
  });

  it('is told at once, however many slashes somebody else puts into one', () => {
    const started = performance.now();
    for (const path of [`a${'/'.repeat(16_000)}a`, `${'/'.repeat(16_000)}.git/`, `a${'/.git'.repeat(3000)}/`]) {
      isSameRemote(`https://example.com/${path}`, 'https://example.com/a');
      isSameRemote(`example.com:${path}`, 'https://example.com/a');
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
