import type { LocalSession } from '../claude/local-session.ts';
import { resumeCommand } from '../claude/resume-command.ts';
import type { Payload } from '../handoff/payload.ts';
import type { FoundHandoff } from '../handoff/reader.ts';
import { expiresAt, type HandoffMode, type HandoffRecord, modeOf } from '../handoff/record.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { describeAge, describeEnd, rfc3339 } from '../time.ts';
import { excerpt } from './printable.ts';
import type { Style } from './style.ts';

/** How much is shown of what a stranger may have written, in characters. */
const MAX_HOST = 64;
const MAX_PATH = 200;

/** A session as the JSON results name it. */
export interface SessionJson {
  readonly id: string;
  readonly project: string;
  readonly host: string;
  readonly title: string | null;
}

/** The members that the JSON results of publish, pickup, show and list share. */
export function handoffJson(record: HandoffRecord): {
  publicKey: string;
  mode: HandoffMode;
  burn: boolean;
  createdAt: string | null;
  expiresAt: string | null;
} {
  return {
    publicKey: encodePublicKey(record.publicKey),
    mode: modeOf(record),
    burn: record.burn,
    createdAt: rfc3339(record.createdAt),
    expiresAt: rfc3339(expiresAt(record)),
  };
}

export function sessionJson(payload: Payload, title: string | null): SessionJson {
  return { id: payload.session, project: payload.project, host: payload.host, title };
}

/** `for yourself`, `for df9sse9b…`, `for anybody with the PIN`. */
export function describeMode(record: HandoffRecord, isOwn: boolean): string {
  const mode = modeOf(record);
  if (mode === 'pin') return 'for anybody with the PIN';
  if (record.recipient === null) return isOwn ? 'for yourself' : 'for its publisher';
  return `for ${excerpt(record.recipient.replace(/^pk:/, ''), 9)}`;
}

/** `in 24 hours`, or `in 24 hours, or once picked up (burn)`. */
export function describeExpiry(record: HandoffRecord, nowSeconds: bigint): string {
  return `${describeEnd(expiresAt(record), nowSeconds)}${record.burn ? ', or once picked up (burn)' : ''}`;
}

/**
 * A table with a label and a text per line; empty texts are left out. Labels take `leastWidth` columns or
 * more.
 */
export function describeLines(lines: readonly (readonly [string, string])[], style: Style, leastWidth = 12): string {
  const shown = lines.filter(([, text]) => text !== '');
  const width = Math.max(leastWidth, ...shown.map(([label]) => label.length + 2));
  return shown.map(([label, text]) => `  ${style.dim(label.padEnd(width))}${text}`).join('\n');
}

/**
 * An opened handoff for a person. Of a burn handoff only the first 8 characters of the session id are shown:
 * whoever has the whole id no longer needs the handoff.
 */
export function describeHandoff(
  record: HandoffRecord,
  payload: Payload,
  view: { nowSeconds: bigint; local: LocalSession | null; isOwn: boolean; style: Style },
): string {
  const { nowSeconds, local, isOwn, style } = view;
  const directory = local?.directory ?? '';
  const lastChange = lastChangeOf(local);
  const key = encodePublicKey(record.publicKey);
  return describeLines(
    [
      ['Session', record.burn ? `${excerpt(payload.session, 36).slice(0, 8)}…` : excerpt(payload.session, 36)],
      ['Title', excerpt(local?.title ?? '', 70)],
      ['Project', excerpt(payload.project, MAX_PATH)],
      // `claude` may start in another directory than the one that the publisher named.
      ['Here', directory === payload.project ? '' : excerpt(directory, MAX_PATH)],
      ['Last change here', lastChange === null ? '' : describeAge(Number(nowSeconds - lastChange))],
      ['From', excerpt(payload.host, MAX_HOST)],
      ['Published', `${describeAge(Number(nowSeconds - record.createdAt))} by ${isOwn ? 'you' : key}`],
      ['Expires', describeExpiry(record, nowSeconds)],
      ['Sealed', modeOf(record) === 'share' && !isOwn ? 'for you' : describeMode(record, isOwn)],
    ],
    style,
    18, // as a table that may follow, of the session itself
  );
}

/** When something was last said in the session here, in Unix seconds. */
function lastChangeOf(local: LocalSession | null): bigint | null {
  return local?.lastChangeMs == null ? null : BigInt(Math.floor(local.lastChangeMs / 1000));
}

/** An opened handoff, as `pickup` and `show` show it to a person. */
export function describeFound(found: FoundHandoff, nowSeconds: bigint, style: Style): string {
  const { record, payload, local, isProvenOwn } = found;
  return describeHandoff(record, payload, { nowSeconds, local, isOwn: isProvenOwn, style });
}

/** The JSON result of `pickup` and `show`. */
export function foundJson(found: FoundHandoff, claudeArgs: readonly string[], program: string) {
  const { record, payload, local } = found;
  const { publicKey, mode, burn, createdAt, expiresAt } = handoffJson(record);
  const lastChange = lastChangeOf(local);
  return {
    session: sessionJson(payload, local.title),
    publicKey,
    mode,
    from: null,
    burn,
    createdAt,
    expiresAt,
    here: local.here,
    directory: local.directory,
    lastChange: lastChange === null ? null : rfc3339(lastChange),
    command: resumeCommand(payload.session, claudeArgs, program),
  };
}
