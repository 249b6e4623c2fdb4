import { parseObject } from '../claude/json-object.ts';
import { SessionIdChange } from './transcript/session-id-change.ts';
import type { FilterOptions } from './transcript/transcript-filter.ts';

/**
 * A small JSON file of a session (`.meta.json`, `custom-title.json`, a task) with its paths and the session's
 * id rewritten. Null if it is not one JSON object: then it does not travel.
 */
export function rewriteJson(
  json: Buffer,
  { strict, rewrite, newSessionId }: Pick<FilterOptions, 'strict' | 'rewrite' | 'newSessionId'>,
): Buffer | null {
  const value = parseObject(json.toString());
  if (value === null) return null;
  let written = json;
  try {
    if (strict) written = Buffer.from(JSON.stringify(value));
  } catch {
    return null; // nested too deeply
  }
  const rewritten = rewrite?.inJson(written) ?? written;
  return newSessionId === null ? rewritten : new SessionIdChange(newSessionId).replaceIn(rewritten);
}
