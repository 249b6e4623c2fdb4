import { countOf } from '../count.ts';
import type { GitFacts } from '../process/git.ts';

/**
 * What of a repository does not travel: `3 changed files and 2 commits not pushed`. Null if nothing, or
 * unknown.
 */
export function describeUnsaved({ remote, changedFiles, unpushedCommits }: GitFacts): string | null {
  const parts = [
    ...(changedFiles ? [countOf(changedFiles, 'changed file')] : []),
    // Without a remote there is nowhere to push to: that is no news.
    ...(unpushedCommits && remote !== null ? [`${countOf(unpushedCommits, 'commit')} not pushed`] : []),
  ];
  return parts.length === 0 ? null : parts.join(' and ');
}

/** The same as a sentence of its own, where that repository is here; null if nothing, or unknown. */
export function sayUnsaved(git: GitFacts | null): string | null {
  const unsaved = git === null ? null : describeUnsaved(git);
  return unsaved === null ? null : `Of its git repository, this stays here: ${unsaved}.`;
}
