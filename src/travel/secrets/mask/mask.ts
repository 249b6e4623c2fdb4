import { Buffer } from 'node:buffer';
import type { JsonRecord } from '../../transcript/record-rules.ts';
import { leftOut } from '../left-out.ts';
import { ExactValues } from '../scan/exact-values.ts';
import { flatten } from '../scan/flat-text.ts';
import type { KnownValue } from '../scan/known-values.ts';
import { bytesOf } from '../scan/value-text.ts';
import { type Replacement, replaceInStrings } from './mask-json.ts';
import { placeholder } from './placeholder.ts';
import { RECORD, type Shape } from './record-shape.ts';

/** Stands for a kind that is somebody's password, or a part of it. */
const ANY_KIND = 'value';
/** Stands for a text that must go. */
const UNMASKABLE = leftOut('holds a secret');

/** How the bytes of JSON were decoded, of which a value was parsed. */
type Coding = 'latin1' | 'utf8';

/**
 * Puts `[masked 1: GitHub token]` in the place of each of some values: one number a value, in their order,
 * and never anything that is derived from the value.
 */
export class Mask {
  /** How many different values there are of each kind, for the manifest. */
  readonly counts: readonly { readonly kind: string; readonly count: number }[];
  /** How long the longest value is in flat text, in bytes. */
  readonly longest: number;
  readonly #values: ExactValues;
  readonly #stubborn: ExactValues;
  readonly #placeholders: readonly Buffer[];

  /**
   * `values`: in order of discovery. `firstNumber`: above those of an earlier masking. `stubborn`: those that
   * showed again and again.
   */
  constructor(values: readonly KnownValue[], firstNumber: number, stubborn: readonly KnownValue[] = []) {
    const byText = new Map<string, KnownValue>();
    for (const each of values) {
      const text = flatten(bytesOf(each.value)).bytes.toString('latin1').trim();
      if (!byText.has(text)) byText.set(text, each);
    }
    const different = [...byText.values()];
    const known = new ExactValues(different);
    const counts = new Map<string, number>();
    this.#placeholders = different.map(({ kind }, index) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const whole = placeholder(firstNumber + index, kind);
      return known.holds(whole) ? placeholder(firstNumber + index, ANY_KIND) : whole;
    });
    this.counts = Array.from(counts, ([kind, count]) => ({ kind, count }));
    this.longest = known.longest;
    this.#values = known;
    this.#stubborn = new ExactValues(stubborn);
  }

  /** Whether one of the values stands in `bytes`, in whatever escaping. */
  holds(bytes: Buffer): boolean {
    return this.#values.holds(bytes);
  }

  /** Whether one of the stubborn values stands in `bytes`: then it must go as a whole. */
  mustGo(bytes: Buffer): boolean {
    return this.#stubborn.holds(bytes);
  }

  /** What takes the place of values in a flat text, in order, which never overlap. */
  inFlat(flat: Buffer): Replacement[] {
    return Array.from(this.#values.in(flat), ({ index, start, end }) => ({
      start,
      end,
      text: this.#placeholders[index] as Buffer,
    }));
  }

  /** A text of its own, as one of the manifest. */
  inText(text: string): string {
    if (this.mustGo(Buffer.from(text))) return UNMASKABLE;
    const holder = { text };
    this.#into(holder, 'masked', 'utf8');
    return holder.text;
  }

  /** A string of JSON, with its quotes. The same bytes if nothing is to be masked. */
  inString(json: Buffer): Buffer {
    const pieces: Buffer[] = [];
    let from = 0;
    for (const { start, end, text } of this.#in(json)) {
      pieces.push(json.subarray(from, Math.max(start, 1)), text);
      from = Math.min(end, json.length - 1);
    }
    return pieces.length === 0 ? json : Buffer.concat([...pieces, json.subarray(from)]);
  }

  /**
   * Masks the strings and keys of a record at every depth: but not what links and names records, nor
   * thinking, which is signed.
   *
   * Throws an error of the engine for what is nested too deeply: then some of it may be masked and some not.
   */
  inRecord(record: JsonRecord, coding: Coding = 'utf8'): void {
    this.#into(record, RECORD, coding);
  }

  /** In the JSON as a whole, as it is looked through: what is found there may go over the end of a string. */
  #into(value: JsonRecord, shape: Shape, coding: Coding): void {
    const json = Buffer.from(JSON.stringify(value), coding);
    replaceInStrings(value, json, this.#in(json), { shape, coding });
  }

  #in(source: Buffer): Replacement[] {
    const { bytes, sourceOffset, sourceEnd } = flatten(source);
    const inSource = ({ start, end, text }: Replacement) => ({
      start: sourceOffset(start),
      end: sourceEnd(end),
      text,
    });
    return this.inFlat(bytes).map(inSource);
  }
}
