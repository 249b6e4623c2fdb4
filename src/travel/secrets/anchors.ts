import { Literals, MOST_OFFSET } from './literals.ts';
import { LONGEST_SECRET, type SecretRule } from './secret-rule.ts';

/** A part of a text, as offsets. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** How far the edge of a part is moved, so that it is not within a word. */
const LONGEST_WORD = 512;
/** Letters, digits and `_`, at their codes. */
const IS_WORD = Uint8Array.from({ length: 256 }, (_, code) => (/\w/.test(String.fromCharCode(code)) ? 1 : 0));

/** Finds out where each rule has to look. A rule takes time, and little of a text is near its anchors. */
export class Anchors {
  readonly #rules: readonly { readonly isAlways: boolean; readonly reach: number }[];
  readonly #literals: Literals;
  readonly #lengths: readonly number[];
  /** The rules that have an anchor, by the index of its literal. */
  readonly #rulesOf: readonly (readonly number[])[];

  constructor(rules: readonly SecretRule[]) {
    const rulesOf = new Map<string, number[]>();
    for (const [index, { anchors }] of rules.entries()) {
      for (const anchor of anchors) rulesOf.set(anchor, [...(rulesOf.get(anchor) ?? []), index]);
    }
    const literals = [...rulesOf.keys()].map((anchor) => Buffer.from(anchor));
    this.#rules = rules.map(({ anchors, reach = LONGEST_SECRET }) => ({ isAlways: anchors.length === 0, reach }));
    this.#literals = new Literals(literals.map((bytes) => ({ bytes, isAnyCase: true })));
    this.#lengths = literals.map(({ length }) => length);
    this.#rulesOf = [...rulesOf.values()];
  }

  /** The parts of a flat text where each rule has to look, in the order of the rules; none overlap. */
  partsIn(flat: Buffer): Part[][] {
    const parts = this.#rules.map(({ isAlways }) => (isAlways ? [{ start: 0, end: flat.length }] : []));
    const lasts = parts.map((): { start: number; end: number } | null => null);
    this.#literals.search(flat, 0, flat.length, (literal, at) => {
      for (const rule of this.#rulesOf[literal] as readonly number[]) {
        const { reach, isAlways } = this.#rules[rule] as { isAlways: boolean; reach: number };
        if (isAlways) continue;
        const [start, end] = [at - reach, at + (this.#lengths[literal] as number) + reach];
        const last = lasts[rule] as { start: number; end: number } | null;
        // They come only about in order.
        if (last !== null && start <= last.end + 2 * LONGEST_WORD + MOST_OFFSET) {
          last.start = Math.min(last.start, start);
          last.end = Math.max(last.end, end);
        } else {
          const next = { start, end };
          lasts[rule] = next;
          parts[rule]?.push(next);
        }
      }
    });
    return parts.map((each) => each.map(({ start, end }) => widened(flat, start, end)));
  }
}

/** A part whose edges are not within a word, unless that is a very long one. */
function widened(flat: Buffer, from: number, to: number): Part {
  let [start, end] = [Math.max(0, from), Math.min(flat.length, to)];
  for (let i = 0; i < LONGEST_WORD && start > 0 && isWithinWord(flat, start); i += 1) start -= 1;
  for (let i = 0; i < LONGEST_WORD && end < flat.length && isWithinWord(flat, end); i += 1) end += 1;
  return { start, end };
}

const isWithinWord = (flat: Buffer, at: number) =>
  IS_WORD[flat[at - 1] as number] === 1 && IS_WORD[flat[at] as number] === 1;
