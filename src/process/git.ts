/** The state of a directory's git repository. Null: not known, as git took too long, or there is none. */
export interface GitFacts {
  /** The URL of the remote, without a user's name or password. */
  readonly remote: string | null;
  /** Where the directory is below the repository's root: `packages/app`, with `/`; empty for the root itself. */
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

/**
 * What git says of the repository that contains `directory`, an absolute path. Null if that is in none, if
 * there is no git here, or if it refuses. Changes nothing there, not even the index, and never rejects.
 */
export async function gitFacts(_directory: string, _options: GitOptions): Promise<GitFacts | null> {
  throw new Error('not yet');
}

/** The remote alone, as in `GitFacts`. Quicker: asks for the configuration only. */
export async function gitRemote(_directory: string, _options: GitOptions): Promise<string | null> {
  throw new Error('not yet');
}

/** Whether two remotes, as `gitFacts` gives them, are the same repository, by https, ssh or otherwise. */
export function isSameRemote(_a: string, _b: string): boolean {
  throw new Error('not yet');
}
