import { Failure } from '../failure.ts';

const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ANY_ID = '00000000-0000-0000-0000-000000000000';
const SHORTEST_PREFIX = 8;

/** True for a session id as Claude Code accepts it: a UUID, 8-4-4-4-12 lower-case hex digits. */
export function isSessionId(text: string): boolean {
  return SESSION_ID.test(text);
}

/**
 * Reads a session id that a person gave: a UUID in either case, or at least its first 8 characters. The
 * result is in lower case; if it is not an `isSessionId`, it is a prefix to complete.
 *
 * Throws `usage` for anything else.
 */
export function parseSessionId(text: string): string {
  const id = text.toLowerCase();
  // Check the length of `text` first: some letters get longer in lower case, and hostile text may be long.
  const fits = text.length >= SHORTEST_PREFIX && text.length <= ANY_ID.length;
  if (fits && isSessionId(id + ANY_ID.slice(id.length))) return id;
  throw new Failure(
    'usage',
    'That is not a session id.',
    `Give the whole id (like ${ANY_ID.replaceAll('0', 'x')}), or at least its first ${SHORTEST_PREFIX} characters.`,
  );
}
