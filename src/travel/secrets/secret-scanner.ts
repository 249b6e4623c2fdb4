import type { ExactValues } from './exact-values.ts';
import { flatten } from './flat-text.ts';
import type { SecretRule } from './secret-rule.ts';

/** A secret that was found. It must not be shown, logged or written anywhere. */
export interface Finding {
  readonly kind: string;
  /** As it is in flat text. */
  readonly value: string;
  /** The line of the content in which it begins, from 1. */
  readonly line: number;
}

/** Finds secrets by rules, and values that are known. */
export class SecretScanner {
  readonly #rules: readonly SecretRule[];
  readonly #known: ExactValues;

  constructor(rules: readonly SecretRule[], known: ExactValues) {
    this.#rules = rules;
    this.#known = known;
  }

  /**
   * Reports what it finds in a content, in order, each place once. Memory holds about a megabyte of it,
   * however long its lines are. Where both begin, a rule's finding comes before that of a known value.
   */
  async scan(
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    found: (finding: Finding) => void,
  ): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    const source = Buffer.concat(pieces);
    const { bytes, sourceOffset } = flatten(source);
    const text = bytes.toString('latin1');
    const hits: { kind: string; start: number; end: number }[] = [];
    for (const rule of this.#rules) hits.push(...(await rule.find(text)));
    for (const { index, start, end } of this.#known.in(bytes)) {
      hits.push({ kind: this.#known.kindOf(index), start, end });
    }
    for (const { kind, start, end } of hits.toSorted((a, b) => a.start - b.start)) {
      const line = source.subarray(0, sourceOffset(start)).toString('latin1').split('\n').length;
      found({ kind, value: bytes.toString('utf8', start, end), line });
    }
  }
}
