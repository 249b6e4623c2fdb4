import { describeSize } from '../size.ts';
import { describeDuration } from '../time.ts';
import type { Output } from './output.ts';

/** How far bytes that move have got. */
export interface TransferProgress {
  /** So many more have moved. */
  moved(bytes: number): void;
  /** Clears what is shown. To be called whatever happens. */
  end(): void;
}

/** How long a transfer may take before anything is told, and how often it is told then, in milliseconds. */
const TIMES = { redrawn: { firstMs: 500, everyMs: 100 }, lines: { firstMs: 5000, everyMs: 5000 } } as const;
/** Over how long the speed is measured, in milliseconds: since then it may have changed. */
const SPEED_MS = 3000;

/**
 * Shows how far `total` bytes (null: not known) have got, how fast, and how long it will take: on a terminal
 * in one line that changes, from half a second on; without one in a plain line every five seconds. `label` is
 * a word like `Exporting`. Nothing with `--quiet` and `--json`, nor before the first bytes have moved: until
 * then a question may be open.
 */
export function transferProgress(output: Output, label: string, total: number | null): TransferProgress {
  const { live } = output;
  if (live === 'silent') return { moved: () => {}, end: () => {} };
  let transfer: Transfer | null = null;
  const { firstMs, everyMs } = TIMES[live];
  let shown = false;
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    const begun = new Transfer(label, total, performance.now());
    const tell = () => {
      const line = begun.describe(performance.now());
      if (live === 'redrawn') output.redraw(line);
      else output.say(line);
    };
    timer = setTimeout(() => {
      shown = true;
      tell();
      timer = setInterval(tell, everyMs).unref();
    }, firstMs).unref();
    return begun;
  };
  const clear = () => {
    if (shown && live === 'redrawn') output.redraw('');
    shown = false;
  };
  // The process may end in the middle, as when the reader of a pipe is gone.
  process.on('exit', clear);
  return {
    moved: (bytes) => {
      transfer ??= begin();
      transfer.add(bytes);
    },
    end: () => {
      clearTimeout(timer);
      clear();
      process.off('exit', clear);
    },
  };
}

/** Does what moves bytes, and shows how far it has got until it is done. Throws what `work` throws. */
export async function whileMoving<T>(
  output: Output,
  label: string,
  total: number | null,
  work: (moved: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const progress = transferProgress(output, label, total);
  try {
    return await work(progress.moved);
  } finally {
    progress.end();
  }
}

/** A transfer that began at `startMs`, by a clock that runs evenly. */
export class Transfer {
  readonly #label: string;
  readonly #total: number | null;
  #moved = 0;
  /** How much had moved at which time, from about `SPEED_MS` ago on. */
  #marks: { readonly atMs: number; readonly moved: number }[];

  constructor(label: string, total: number | null, startMs: number) {
    this.#label = label;
    this.#total = total;
    this.#marks = [{ atMs: startMs, moved: 0 }];
  }

  add(bytes: number): void {
    this.#moved += bytes;
  }

  /** `Exporting … 45 of 300 MB, 82 MB/s, 3 seconds left`. */
  describe(nowMs: number): string {
    const speed = this.#speed(nowMs);
    const total = this.#total === null ? null : Math.max(this.#total, this.#moved);
    const parts = [
      total === null ? describeSize(this.#moved) : `${describeSize(this.#moved)} of ${describeSize(total)}`,
      ...(speed > 0 ? [`${describeSize(speed)}/s`] : []),
      ...(speed > 0 && total !== null ? [`${describeDuration(Math.ceil((total - this.#moved) / speed))} left`] : []),
    ];
    return `${this.#label} … ${parts.join(', ')}`;
  }

  /** Bytes a second, in the last seconds. */
  #speed(nowMs: number): number {
    this.#marks.push({ atMs: nowMs, moved: this.#moved });
    const from = this.#marks.findLastIndex(({ atMs }) => nowMs - atMs >= SPEED_MS);
    if (from > 0) this.#marks = this.#marks.slice(from);
    const [first = { atMs: nowMs, moved: this.#moved }] = this.#marks;
    const seconds = (nowMs - first.atMs) / 1000;
    return seconds < 0.1 ? 0 : (this.#moved - first.moved) / seconds;
  }
}
