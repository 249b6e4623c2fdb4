/** From this age on, in milliseconds, a file that nobody is known to be writing is left over from a crash. */
const LEFT_OVER_MS = 60_000;

/**
 * True if a file that was modified at `modifiedMs` (Unix milliseconds) is so old that a crash must have left
 * it behind. So is one from the future: the clock has been set back since.
 */
export function isLeftOver(modifiedMs: number, afterMs = LEFT_OVER_MS): boolean {
  return Math.abs(Date.now() - modifiedMs) > afterMs;
}
