import type { FilterOptions } from './transcript-filter.ts';

/**
 * A small JSON file of a session (`.meta.json`, `custom-title.json`, a task) with its paths and the session's
 * id rewritten. Null if it is not one JSON object: then it does not travel.
 */
export function rewriteJson(
  _json: Buffer,
  _options: Pick<FilterOptions, 'strict' | 'rewrite' | 'newSessionId'>,
): Buffer | null {
  throw new Error('not yet');
}
