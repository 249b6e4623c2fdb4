/** While it runs, the time is looked at this often, in milliseconds. */
const TICK_MS = 250;

/**
 * The most time that an operation, or several of one command, may take on the network.
 *
 * It runs only while one of them is under way: neither questions to a user nor work of the processor between two of them count,
 * and two at once count once. Nor does the time in which the process was stopped (Ctrl-Z), or the machine asleep.
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

  /** Lets it run, and calls `onOver` when the time is over, at once if it is already. Returns what ends the run. */
  run(onOver: () => void): () => void {
    this.waiting.add(onOver);
    if (this.waiting.size === 1) this.tick();
    else if (this.leftMs <= 0) onOver();
    return () => {
      if (!this.waiting.delete(onOver) || this.waiting.size > 0) return;
      clearTimeout(this.timer);
      this.take();
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
        this.take();
        this.tick();
      },
      Math.min(this.leftMs, TICK_MS),
    );
  }

  private take(): void {
    this.leftMs -= Math.min(performance.now() - this.sinceMs, 2 * TICK_MS);
  }
}
