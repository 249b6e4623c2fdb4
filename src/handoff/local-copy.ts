import type { FoundHandoff } from './reader.ts';

/**
 * How far the last thing said in a session may be from the time of its handoff, in seconds, and still be what
 * was handed over: somebody reads an answer and then publishes; a publish inside a session is noted in it.
 */
const TOLERANCE_SECONDS = 120;

/**
 * How the session on this machine compares with what was handed over, as far as a pointer tells: by the times
 * of both. `older`: it may lack the last of it. `newer`: it has gone on since. Null if nothing stands out.
 */
export function compareCopy({
  record,
  local,
  isFromHere,
}: Pick<FoundHandoff, 'record' | 'local' | 'isFromHere'>): 'older' | 'newer' | null {
  if (local.lastChangeMs === null) return null;
  const after = local.lastChangeMs / 1000 - Number(record.createdAt);
  // What was published here is no copy: it may just have been left alone for a while.
  if (after < -TOLERANCE_SECONDS) return isFromHere ? null : 'older';
  return after > TOLERANCE_SECONDS ? 'newer' : null;
}
