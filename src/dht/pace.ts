/** How many datagrams an idle client may send at once. */
export const BURST = 64;
/** How many datagrams it may send per second after that. */
export const PER_SECOND = 200;

/**
 * Limits sending to a burst and a rate (a token bucket), so that a walk floods neither the user's connection
 * nor the network.
 */
export class Pace {
  private tokens = BURST;
  private refilledAtMs = performance.now();

  /** Takes a token for one datagram and returns 0, or returns how many milliseconds to wait for one. */
  take(): number {
    const nowMs = performance.now();
    this.tokens = Math.min(BURST, this.tokens + ((nowMs - this.refilledAtMs) * PER_SECOND) / 1000);
    this.refilledAtMs = nowMs;
    if (this.tokens < 1) return ((1 - this.tokens) * 1000) / PER_SECOND;
    this.tokens -= 1;
    return 0;
  }
}
