import type { JsonRecord } from '../transcript/record-rules.ts';

/**
 * Puts `[masked 1: GitHub token]` in the place of each of some values: one number a value, in their order,
 * and never anything that is derived from the value.
 */
export class Mask {
  /** How many different values there are of each kind, for the manifest. */
  readonly counts: readonly { readonly kind: string; readonly count: number }[] = [];

  /** `values`: in order of discovery. `firstNumber`: above the `highestNumberIn` the session. */
  constructor(_values: readonly { readonly kind: string; readonly value: string }[], _firstNumber: number) {}

  /** Whether one of the values stands in `bytes`, in whatever escaping. */
  holds(_bytes: Buffer): boolean {
    return false;
  }

  /** A text of its own, as one of the manifest. */
  inText(text: string): string {
    return text;
  }

  /**
   * Masks the strings and keys of a record at every depth; not what links and names records. `coding`: how
   * the bytes of its JSON were decoded.
   */
  inRecord(_record: JsonRecord, _coding: 'latin1' | 'utf8' = 'utf8'): void {}
}

/** The highest number of a placeholder in `bytes`; 0 if there is none. */
export function highestNumberIn(_bytes: Buffer): number {
  return 0;
}

/** A file beside the transcript, masked: plain text, or JSON, which stays JSON. Blocks of any size. */
export async function* maskText(
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  _mask: Mask,
): AsyncGenerator<Buffer> {
  yield* content;
}
