/** How often the remaining time is checked while a deadline runs. */
const TICK_MS = 250;

/**
 * The most time that one or more operations of a command may spend on the network.
 *
 * It runs only while at least one of them is under way: questions to the user and computation between
 * operations do not count, and two simultaneous operations count once. Time in which the process was stopped
 * (Ctrl-Z) or the machine asleep does not count either.
 */
export class Deadline {
  readonly milliseconds: number;
  private leftMs: number;
  private readonly waiting = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;
  private sinceMs = 0;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
    this.leftMs = milliseconds;
  }

  /**
   * Starts the clock, and calls `onOver` when the time is up, at once if it already is. Returns a function
   * that stops the clock.
   */
  run(onOver: () => void): () => void {
    this.waiting.add(onOver);
    if (this.waiting.size === 1) this.tick();
    else if (this.leftMs <= 0) onOver();
    return () => {
      if (!this.waiting.delete(onOver) || this.waiting.size > 0) return;
      clearTimeout(this.timer);
      this.deduct();
    };
  }

  private tick(): void {
    if (this.leftMs <= 0) {
      for (const onOver of [...this.waiting]) onOver();
      return;
    }
    this.sinceMs = performance.now();
    this.timer = setTimeout(
      () => {
        this.deduct();
        this.tick();
      },
      Math.min(this.leftMs, TICK_MS),
    );
  }

  private deduct(): void {
    this.leftMs -= Math.min(performance.now() - this.sinceMs, 2 * TICK_MS);
  }
}
