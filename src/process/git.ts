import { spawn } from 'node:child_process';
import { basename, dirname, isAbsolute, parse } from 'node:path';
import { UNSEEN } from '../shown-text.ts';

/** The state of a directory's git repository. Numbers are null where git took too long to count. */
export interface GitFacts {
  /** The URL of the remote, without a user's name or password; null if there is none. */
  readonly remote: string | null;
  /**
   * Where the directory is below the repository's root: `packages/app`, with `/`; empty for the root itself.
   */
  readonly prefix: string;
  /** Null on a detached HEAD. */
  readonly branch: string | null;
  /** 40 or 64 hex digits; null before the first commit. */
  readonly commit: string | null;
  /** Files that differ from the commit, those included that git does not know yet. */
  readonly changedFiles: number | null;
  /** Commits that no remote branch has. */
  readonly unpushedCommits: number | null;
}

/** How git is asked. */
export interface GitOptions {
  /** Where `PATH` and the home are taken from; of the rest git gets nothing. */
  readonly variables: NodeJS.ProcessEnv;
  /** How long all of it may take, in milliseconds. */
  readonly timeoutMs?: number;
}

/** Git answers in some 20 ms, but counts changed files for seconds where there are a hundred thousand. */
const LONGEST_MS = 3000;
/** How much of an answer is kept, in bytes. A configuration has a few kilobytes. */
const MOST_OUTPUT = 1024 * 1024;
const LONGEST_URL = 2000;

/**
 * What git says of the repository whose work tree contains `directory`, an absolute path. Null if it is in
 * none, if there is no git here, if it refuses, or if it takes too long even for the little that must be
 * known.
 *
 * Changes nothing there, not even the index, and runs none of the programs that the repository's
 * configuration may name: it may be somebody else's. Never rejects.
 */
export async function gitFacts(directory: string, options: GitOptions): Promise<GitFacts | null> {
  const git = new Git(directory, options);
  const [place, config] = await Promise.all([
    git.ask(['rev-parse', '--is-inside-work-tree', '--show-prefix']),
    git.configuration(),
  ]);
  if (config === null || place === null || !place.startsWith('true\n')) return null;
  const [head, commit, unpushed, changedFiles] = await Promise.all([
    git.ask(['symbolic-ref', '--quiet', '--short', 'HEAD']),
    git.ask(['rev-parse', '--quiet', '--verify', 'HEAD^{commit}']),
    git.ask(['rev-list', '--count', 'HEAD', '--not', '--remotes']),
    git.changedFiles(config),
  ]);
  const branch = head?.trimEnd() || null;
  const hash = commit?.trimEnd() ?? '';
  return {
    remote: remoteOf(config, branch),
    prefix: place.slice('true\n'.length).replace(/\/?\n$/, ''),
    branch,
    commit: /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ? hash : null,
    changedFiles,
    unpushedCommits: numberOf(unpushed) ?? (hash === '' ? 0 : null),
  };
}

/**
 * The URLs of all remotes of the repository that contains `directory`, as `GitFacts.remote` gives one: none
 * where git knows none, or does not answer.
 */
export async function gitRemotes(directory: string, options: GitOptions): Promise<readonly string[]> {
  const config = (await new Git(directory, options).configuration()) ?? [];
  return [...remotesIn(config).values()].flatMap((url) => withoutCredentials(url) ?? []);
}

/**
 * Whether git would take the file at an absolute path along with the next `git add .`: it is in a work tree,
 * new there, and not ignored. Changes nothing; never rejects.
 */
export async function isNewToGit(file: string, options: GitOptions): Promise<boolean> {
  const git = new Git(dirname(file), options);
  const names = await git.ask([
    'ls-files',
    '--others',
    '--exclude-standard',
    '-z',
    '--',
    `:(literal)${basename(file)}`,
  ]);
  return names !== null && names !== '';
}

/** Whether two remotes, as these functions give them, are one repository, be it by https, ssh or else. */
export function isSameRemote(a: string, b: string): boolean {
  return repositoryOf(a) === repositoryOf(b);
}

/** A setting: its name in lower case but for the middle part, and its value. */
type Setting = readonly [name: string, value: string];

/** Git in one directory, until its time is over. */
class Git {
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #deadlineMs: number;

  constructor(directory: string, { variables, timeoutMs = LONGEST_MS }: GitOptions) {
    this.#directory = directory;
    this.#env = environment(variables);
    this.#deadlineMs = performance.now() + timeoutMs;
  }

  /** What git prints when it succeeds; null if it does not, prints too much, or takes too long. */
  async ask(args: readonly string[]): Promise<string | null> {
    const pieces: Buffer[] = [];
    let length = 0;
    const isDone = await this.#run(args, (bytes) => {
      pieces.push(bytes);
      length += bytes.length;
      return length <= MOST_OUTPUT;
    });
    return isDone ? Buffer.concat(pieces).toString() : null;
  }

  async configuration(): Promise<readonly Setting[] | null> {
    const listed = await this.ask(['config', '--null', '--list']);
    return (
      listed
        ?.split('\0')
        .filter((entry) => entry !== '')
        .map((entry): Setting => {
          const end = entry.indexOf('\n');
          return end === -1 ? [entry, ''] : [entry.slice(0, end), entry.slice(end + 1)];
        }) ?? null
    );
  }

  /**
   * Null too where a filter has a name that can't be turned off. A filter is a program that git runs over a
   * file whose content it has to look at.
   */
  async changedFiles(config: readonly Setting[]): Promise<number | null> {
    const filters = new Set(config.flatMap(([name]) => /^filter\.(.*)\.[^.]*$/s.exec(name)?.[1] ?? []));
    if ([...filters].some((name) => /[=\n]/.test(name))) return null;
    const off = [...filters].flatMap((name) =>
      ['clean=', 'smudge=', 'process=', 'required=false'].flatMap((setting) => ['-c', `filter.${name}.${setting}`]),
    );
    let count = 0;
    const args = [...off, 'status', '--porcelain', '-z', '--no-renames', '--ignore-submodules=dirty'];
    const isDone = await this.#run(args, (bytes) => {
      for (const byte of bytes) if (byte === 0) count++;
      return true;
    });
    return isDone ? count : null;
  }

  /** Runs git until `take` says no. True if it ended well, and in time. */
  #run(args: readonly string[], take: (bytes: Buffer) => boolean): Promise<boolean> {
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs <= 0 || !isAbsolute(this.#directory)) return Promise.resolve(false);
    return new Promise((done) => {
      const child = spawn('git', [...HARMLESS, '-C', this.#directory, ...args], {
        // Not the repository: Windows would look for git.exe there first, and PATH may have relative parts.
        cwd: parse(this.#directory).root,
        env: this.#env,
        stdio: ['ignore', 'pipe', 'ignore'],
        windowsHide: true,
      });
      const end = (isDone: boolean) => {
        clearTimeout(timer);
        if (!isDone) child.kill('SIGKILL');
        child.stdout.destroy();
        done(isDone);
      };
      const timer = setTimeout(() => end(false), leftMs);
      child.stdout.on('data', (bytes: Buffer) => {
        if (!take(bytes)) end(false);
      });
      child.once('error', () => end(false));
      child.once('close', (code) => end(code === 0));
    });
  }
}

/**
 * Nothing that the repository configures is run: no watcher of files, no hook, no pager. Nothing is written,
 * and a folder that only looks like a bare repository counts as none.
 */
const HARMLESS = [
  ...['--no-optional-locks', '--no-pager', '-c', 'core.fsmonitor=', '-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'safe.bareRepository=explicit'],
];

/** What git needs to start and to find the user's own configuration. */
const NEEDED = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'USERPROFILE', 'HOMEDRIVE', 'HOMEPATH', 'SYSTEMROOT', 'TEMP', 'TMP'];

/**
 * No variable of git's own is passed on. No objects that a partial clone lacks are fetched, by any program.
 */
function environment(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const needed = Object.entries(variables).filter(([name]) => NEEDED.includes(name.toUpperCase()));
  const ours = { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_NO_LAZY_FETCH: '1', GIT_ALLOW_PROTOCOL: 'none' };
  return { ...Object.fromEntries(needed), ...ours };
}

/** The remotes in a configuration, by name. */
function remotesIn(config: readonly Setting[]): ReadonlyMap<string, string> {
  return new Map(
    config.flatMap(([name, value]) => {
      const remote = /^remote\.(.*)\.url$/s.exec(name)?.[1];
      return remote === undefined ? [] : [[remote, value] as const];
    }),
  );
}

/** The remote that the branch follows, else `origin`, else the first. */
function remoteOf(config: readonly Setting[], branch: string | null): string | null {
  const remotes = remotesIn(config);
  const followed = config.findLast(([name]) => name === `branch.${branch}.remote`)?.[1];
  const [first] = remotes.values();
  const url = remotes.get(followed ?? 'origin') ?? remotes.get('origin') ?? first;
  return url === undefined ? null : withoutCredentials(url);
}

const SCP_LIKE = /^(?:[^@/]*@)?([^:/@]{2,}|\[[^\]]*\]):(.+)$/s;

/** The URL of a remote without what opens it, and what may: a query. Null for what git hands to a program. */
function withoutCredentials(url: string): string | null {
  if (url === '' || url.length > LONGEST_URL || UNSEEN.test(url) || url.includes('::')) return null;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    try {
      const { protocol, host, pathname } = new URL(url);
      return `${protocol}//${host}${pathname}`;
    } catch {
      return null;
    }
  }
  const [, host, path] = SCP_LIKE.exec(url) ?? [];
  return host === undefined ? url : `${host}:${path}`;
}

/** What two URLs of one repository have in common: its host and path. Ports differ between https and ssh. */
function repositoryOf(remote: string): string {
  const [, host = '', path = ''] =
    /^[a-z][a-z0-9+.-]*:\/\/([^/:]*|\[[^\]]*\])(?::\d+)?\/(.*)$/is.exec(remote) ?? SCP_LIKE.exec(remote) ?? [];
  if (host === '') return remote;
  const named = withoutSlashes(path);
  return `${host}/${withoutSlashes(named.endsWith('.git') ? named.slice(0, -'.git'.length) : named)}`.toLowerCase();
}

/** Without those at both ends. Not by a pattern: for somebody else's 16,000 slashes that would take hours. */
function withoutSlashes(path: string): string {
  let [start, end] = [0, path.length];
  while (path[start] === '/') start += 1;
  while (end > start && path[end - 1] === '/') end -= 1;
  return path.slice(start, end);
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,9}\n?$/.test(text) ? Number(text) : null;
}
