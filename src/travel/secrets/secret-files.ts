import type { JsonRecord } from '../transcript/record-rules.ts';
import type { KnownValue } from './known-values.ts';

/**
 * Leaves out of a session what its tools showed of files of secrets, and wrote to them. One for a session: it
 * remembers the calls of all its transcripts, and of every pass over them.
 */
export class SecretFiles {
  /** Files of the session that show one, by their names below `tool-results`. */
  readonly leftFiles: ReadonlySet<string> = new Set();
  /** Values that such files were seen to hold, which may have been repeated elsewhere. */
  readonly values: readonly KnownValue[] = [];

  /** Whether a result stood before its call, so that only another pass over the transcripts leaves it out. */
  get needsAnotherPass(): boolean {
    return false;
  }

  /**
   * Changes a record that was tamed, in place. Returns how many of its blocks it changed; null if nothing may
   * stay of it. Its texts may be UTF-8 that was decoded as latin1.
   */
  omitFrom(_record: JsonRecord): number | null {
    return 0;
  }
}
