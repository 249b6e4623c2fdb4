import type { Output } from './output.ts';

/** How far bytes that move have got. */
export interface TransferProgress {
  /** So many more have moved. */
  moved(bytes: number): void;
  /** Clears what is shown. To be called whatever happens. */
  end(): void;
}

/**
 * Shows how far `total` bytes (null: not known) have got, how fast, and how long it will take: on a terminal in
 * one line that changes, from half a second on; without one a plain line every five seconds. `label` is a word
 * like `Exporting`. Nothing with `--quiet` and `--json`.
 */
export function transferProgress(_output: Output, _label: string, _total: number | null): TransferProgress {
  throw new Error('not yet');
}

/** `4.2 MB`, `830 kB`, `12 bytes`: in powers of ten, as file managers show it. */
export function describeBytes(_bytes: number): string {
  throw new Error('not yet');
}
