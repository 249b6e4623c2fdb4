import type { SessionPlace } from '../claude/session-layout.ts';

/** A path as it is there, and what it is here. Both absolute. */
export interface PathPair {
  readonly from: string;
  readonly to: string;
}

/** Where a session is at home: what its paths begin with. */
export interface SessionHome extends SessionPlace {
  readonly directory: string;
  readonly home: string;
  /** As `process.platform` says it. */
  readonly platform: string;
}

/** Replaces what paths begin with. */
export interface PathRewrite {
  /** In `json`, one or more whole lines of well-formed JSON: inside of its strings, nothing else. */
  inJson(json: Buffer): Buffer;
  /** Whether `inJson` would change anything. */
  isIn(json: Buffer): boolean;
  /** In a path that stands alone; as it is if no pair fits. */
  inPath(path: string): string;
}

/**
 * Rewrites paths in JSON, on its bytes: what is not a path that begins with `from` stays as it is, to the last
 * digit. The longest `from` comes first; it must end where a name ends. Between Windows and the rest, the
 * separators behind it follow.
 *
 * Pairs whose `from` is not an absolute path below a root are left out.
 */
export function pathRewrite(_options: {
  readonly pairs: readonly PathPair[];
  readonly fromPlatform: string;
  readonly toPlatform: string;
}): PathRewrite {
  throw new Error('not yet');
}

/**
 * What is rewritten when a session moves: `more` (of the user), its folder, the project's folder of Claude
 * Code, its directory, Claude Code's folder, the home directory.
 */
export function pairsOfMove(_from: SessionHome, _to: SessionHome, _more: readonly PathPair[] = []): PathPair[] {
  throw new Error('not yet');
}
