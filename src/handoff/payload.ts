import { Failure } from '../failure.ts';

/** What is sealed inside a handoff (docs/PROTOCOL.md, "The sealed payload"). */
export interface Payload {
  /** Host name of the publisher's machine; empty if unknown or left out to fit. */
  readonly host: string;
  /** The session's directory on that machine; shortened from the left to fit, and empty if unknown. */
  readonly project: string;
  /** The session's id. It must be checked to be a UUID before it gets into a command line. */
  readonly session: string;
  /**
   * What names and opens the sealed session that was published with it: 16 random bytes. Missing where none
   * was.
   */
  readonly t?: Uint8Array;
}

/** How long `t` is, in bytes. */
export const T_BYTES = 16;

/**
 * The payload's JSON as UTF-8: `h`, `p`, `s` in this order, always present, always strings; then `t` if there
 * is one.
 */
export function encodePayload({ host, project, session, t }: Payload): Uint8Array {
  const extension = t === undefined ? {} : { t: Buffer.from(t).toString('base64url') };
  return Buffer.from(JSON.stringify({ h: host, p: project, s: session, ...extension }));
}

/**
 * Reads an opened payload. Unknown keys are ignored, and so is a `t` that is none. Text that is not a JSON
 * object is a session id: old records held nothing else.
 *
 * Throws `cannot-open` for bytes that are not UTF-8, and for an object without a session id.
 */
export function decodePayload(bytes: Uint8Array): Payload {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable();
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { host: '', project: '', session: text.trim() };
  }
  if (typeof value !== 'object' || value === null) return { host: '', project: '', session: text.trim() };
  const { h = '', p = '', s, t } = value as Record<string, unknown>;
  if (typeof h !== 'string' || typeof p !== 'string' || typeof s !== 'string') throw unreadable();
  const parsed = parseT(t);
  return { host: h, project: p, session: s, ...(parsed && { t: parsed }) };
}

function parseT(text: unknown): Uint8Array | null {
  if (typeof text !== 'string') return null;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === T_BYTES && bytes.toString('base64url') === text ? Uint8Array.from(bytes) : null;
}

function unreadable(): Failure {
  return new Failure(
    'cannot-open',
    'The handoff was opened, but what is inside is not a session.',
    'Ask the publisher to publish again, with a current cclink.',
  );
}

/**
 * The payload shortened to at most `room` bytes of JSON: the project path loses parts from the left, then the
 * host name goes.
 *
 * The session id and `t` are never touched, so the result may still be too large, which the caller must
 * check.
 */
export function fitPayload(payload: Payload, room: number): Payload {
  const fits = (candidate: Payload) => encodePayload(candidate).length <= room;
  if (fits(payload)) return payload;
  for (const project of shorterPaths(payload.project)) {
    const candidate = { ...payload, project };
    if (fits(candidate)) return candidate;
  }
  return { ...payload, host: '', project: '' };
}

/** `/a/b/c` as `…/b/c`, `…/c` and at last nothing. */
function* shorterPaths(path: string): Generator<string> {
  for (let at = path.search(/[/\\]/); at !== -1; ) {
    const next = path.slice(at + 1).search(/[/\\]/);
    if (at > 0) yield `…${path.slice(at)}`;
    if (next === -1) break;
    at += 1 + next;
  }
  yield '';
}
