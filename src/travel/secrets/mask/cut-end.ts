import type { KnownValue } from '../scan/known-values.ts';

/** What stands for the rest of a text that was cut (see `shown-text.ts`). */
const CUT = '…';
/** A shorter beginning may be that of any word. */
const SHORTEST_START = 4;

/**
 * A text that was cut to be shown, without the beginning of a value in the middle of which that happened: it
 * would be found nowhere any more.
 */
export function withoutCutEnd(text: string, values: Iterable<Pick<KnownValue, 'value'>>): string {
  if (!text.endsWith(CUT)) return text;
  let kept = text.slice(0, -CUT.length);
  for (const { value } of values) {
    for (let length = Math.min(value.length, kept.length); length >= SHORTEST_START; length -= 1) {
      if (kept.endsWith(value.slice(0, length))) kept = kept.slice(0, -length);
    }
  }
  return `${kept}${CUT}`;
}
