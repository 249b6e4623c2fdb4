/** How many datagrams may be sent at once, by a client that was silent before. */
export const BURST = 64;
/** How many a second after that. */
export const PER_SECOND = 200;

/** Keeps what is sent within a burst and a rate (a token bucket), so that a walk floods neither its user's line nor the network. */
export class Pace {
  private left = BURST;
  private at = performance.now();

  /** Takes the right to send one datagram now. Else how long to wait for it, in milliseconds. */
  take(): number {
    const now = performance.now();
    this.left = Math.min(BURST, this.left + ((now - this.at) * PER_SECOND) / 1000);
    this.at = now;
    if (this.left < 1) return ((1 - this.left) * 1000) / PER_SECOND;
    this.left -= 1;
    return 0;
  }
}
