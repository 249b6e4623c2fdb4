import { LONGEST_SECRET, type SecretRule } from '../rules/secret-rule.ts';
import { type Literal, MOST_OFFSET } from './literals.ts';

/** A part of a text, as offsets. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

interface MutablePart {
  start: number;
  end: number;
}

/** How far the edge of a part is moved, so that it is not within a word. */
const LONGEST_WORD = 128;
/** Letters, digits and `_`, at their codes. */
const IS_WORD = Uint8Array.from({ length: 256 }, (_, code) => (/\w/.test(String.fromCharCode(code)) ? 1 : 0));

/** Finds out where each rule has to look. A rule takes time, and little of a text is near its anchors. */
export class Anchors {
  /** What is to be looked for. */
  readonly literals: readonly Literal[];
  readonly #rules: readonly SecretRule[];
  /** The rules that have an anchor, by the index of its literal. */
  readonly #rulesOf: readonly (readonly number[])[];

  constructor(rules: readonly SecretRule[]) {
    const rulesOf = new Map<string, number[]>();
    for (const [index, { anchors }] of rules.entries()) {
      for (const anchor of anchors) rulesOf.set(anchor, [...(rulesOf.get(anchor) ?? []), index]);
    }
    this.#rules = rules;
    this.literals = [...rulesOf.keys()].map((anchor) => ({ bytes: Buffer.from(anchor), isAnyCase: true }));
    this.#rulesOf = [...rulesOf.values()];
  }

  /** For one flat text: takes where the literals are found in it, about in order. */
  begin(flat: Buffer): {
    note(literal: number, at: number): void;
    /** Where each rule has to look, in the order of the rules; the parts of one don't overlap. */
    parts(): Part[][];
  } {
    const parts = this.#rules.map((): MutablePart[] => []);
    return {
      note: (literal, at) => {
        const end = at + (this.literals[literal] as Literal).bytes.length;
        for (const index of this.#rulesOf[literal] as readonly number[]) {
          const { reach = LONGEST_SECRET, mayFollow } = this.#rules[index] as SecretRule;
          if (mayFollow?.(flat, end) === false) continue;
          addPart(parts[index] as MutablePart[], at - reach, end + reach);
        }
      },
      parts: () =>
        parts.map((each, index) =>
          this.#rules[index]?.anchors.length === 0
            ? [{ start: 0, end: flat.length }]
            : each.map(({ start, end }) => widened(flat, start, end)),
        ),
    };
  }
}

/** Adds a part, or makes the last one larger if it is near enough to overlap when both are widened. */
function addPart(parts: MutablePart[], start: number, end: number): void {
  const last = parts.at(-1);
  if (last === undefined || start > last.end + 2 * LONGEST_WORD + MOST_OFFSET) parts.push({ start, end });
  else {
    last.start = Math.min(last.start, start);
    last.end = Math.max(last.end, end);
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
