import { Buffer } from 'node:buffer';
import { isObject } from '../../../claude/json-object.ts';
import { endOfString } from '../../transcript/json-structure.ts';
import type { JsonRecord } from '../../transcript/record-rules.ts';
import { keysStay, type Shape, shapeOfMember, shapeOfObject } from './record-shape.ts';

const QUOTE = 0x22;

/** A part of some bytes, and what takes its place. It ends and begins where an escape does. */
export interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: Buffer;
}

/**
 * Puts `replacements`, in order, into the strings and keys of `value` itself, of which `json` is the JSON as
 * `JSON.stringify` writes it, in `coding`. Of one that goes over the end of a string, each string has it.
 */
export function replaceInStrings(
  value: JsonRecord,
  json: Buffer,
  replacements: readonly Replacement[],
  { coding, shape }: { readonly coding: 'latin1' | 'utf8'; readonly shape: Shape },
): void {
  if (replacements.length === 0) return;
  const texts = textsOf(json, replacements, coding);
  if (texts.size > 0) new Walk(texts).into(value, shape);
}

/** The new texts of the strings in `json` that change, keys among them, by their numbers in it. */
function textsOf(json: Buffer, replacements: readonly Replacement[], coding: 'latin1' | 'utf8'): Map<number, string> {
  const texts = new Map<number, string>();
  let next = 0;
  let number = 0;
  for (let quote = json.indexOf(QUOTE); quote !== -1; number += 1) {
    const end = endOfString(json, quote);
    while ((replacements[next]?.end ?? Number.POSITIVE_INFINITY) <= quote + 1) next += 1;
    const pieces: Buffer[] = [];
    let from = quote;
    for (let at = next; (replacements[at]?.start ?? json.length) < end - 1; at += 1) {
      const each = replacements[at] as Replacement;
      pieces.push(json.subarray(from, Math.max(each.start, quote + 1)), each.text);
      from = Math.min(each.end, end - 1);
    }
    if (pieces.length > 0) {
      pieces.push(json.subarray(from, end));
      texts.set(number, JSON.parse(Buffer.concat(pieces).toString(coding)) as string);
    }
    quote = json.indexOf(QUOTE, end);
  }
  return texts;
}

/** Goes through a value as `JSON.stringify` does, so that its strings have the same numbers. */
class Walk {
  readonly #texts: ReadonlyMap<number, string>;
  #number = 0;

  constructor(texts: ReadonlyMap<number, string>) {
    this.#texts = texts;
  }

  into(value: unknown, shape: Shape): void {
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) value[index] = this.#changed(value[index], shape);
    } else if (isObject(value)) this.#intoObject(value, shape);
  }

  #intoObject(object: JsonRecord, shape: Shape): void {
    const names = new Map<string, string>();
    for (const key of Object.keys(object)) {
      if (object[key] === undefined) continue;
      const name = this.#text();
      if (name !== undefined && !keysStay(shape)) names.set(key, name);
      object[key] = this.#changed(object[key], shapeOfMember(shape, key));
    }
    if (names.size > 0) rename(object, names);
  }

  #changed(value: unknown, shape: Shape): unknown {
    if (typeof value !== 'string') {
      this.into(value, shapeOfObject(shape, value));
      return value;
    }
    const text = this.#text();
    return shape === 'stays' ? value : (text ?? value);
  }

  /** The new text of the next string. */
  #text(): string | undefined {
    return this.#texts.get(this.#number++);
  }
}

/** Gives members other names, in their places. Where two would have the same, the second has a number too. */
function rename(object: JsonRecord, names: ReadonlyMap<string, string>): void {
  const entries = Object.entries(object);
  const taken = new Set(entries.map(([key]) => key).filter((key) => !names.has(key)));
  for (const [key] of entries) delete object[key];
  for (const [key, value] of entries) {
    const wanted = names.get(key) ?? key;
    let name = wanted;
    for (let count = 2; names.has(key) && taken.has(name); count += 1) name = `${wanted} (${count})`;
    taken.add(name);
    object[name] = value;
  }
}
