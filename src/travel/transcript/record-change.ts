import { isObject } from '../../claude/json-object.ts';
import { hasParts, type Part, partsOf, skipSpace } from './json-structure.ts';

/**
 * A change of a record: of the value at `path` (keys and indices), or of its key. Texts are decoded as those
 * of the record are; for `changeBytes`, as latin1.
 */
export interface Change {
  readonly path: readonly (string | number)[];
  /**
   * `set`: another value. `remove`: an element of an array. `rename`: another key. `keep`: as it is, byte for
   * byte, whatever is rewritten around it.
   */
  readonly kind: 'set' | 'remove' | 'rename' | 'keep';
  readonly to?: unknown;
}

/**
 * `json`, a record, with `changes` made on its bytes, so that all else stays as it was written. What is
 * between them goes through `rewrite`.
 */
export function changeBytes(json: Buffer, changes: readonly Change[], rewrite: (piece: Buffer) => Buffer): Buffer {
  const edits: Edit[] = [];
  collect(json, skipSpace(json, 0), changes, 0, edits);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits) {
    if (start > from) pieces.push(rewrite(json.subarray(from, start)));
    pieces.push(text);
    from = end;
  }
  pieces.push(rewrite(json.subarray(from)));
  return Buffer.concat(pieces);
}

/** Makes `changes` in `record` itself. */
export function changeValue(record: Record<string, unknown>, changes: readonly Change[]): void {
  const removed = new Map<unknown[], Set<number>>();
  const renamed = new Map<Record<string, unknown>, Map<string, string>>();
  for (const { path, kind, to } of changes) {
    const name = path.at(-1) ?? '';
    const parent = path.slice(0, -1).reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], record);
    if (kind === 'set') (parent as Record<string, unknown>)[name] = to;
    else if (kind === 'remove' && Array.isArray(parent)) entryOf(removed, parent, new Set()).add(Number(name));
    else if (kind === 'rename' && isObject(parent)) entryOf(renamed, parent, new Map()).set(String(name), String(to));
  }
  // One pass each: there may be a hundred thousand.
  for (const [array, indices] of removed) {
    let length = 0;
    for (let index = 0; index < array.length; index += 1) {
      if (!indices.has(index)) array[length++] = array[index];
    }
    array.length = length;
  }
  for (const [object, names] of renamed) {
    const entries = Object.entries(object);
    for (const [key] of entries) delete object[key];
    for (const [key, value] of entries) object[names.get(key) ?? key] = value;
  }
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, made: Value): Value {
  const value = map.get(key) ?? made;
  map.set(key, value);
  return value;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: Buffer;
}

const NOTHING = Buffer.alloc(0);

function collect(json: Buffer, at: number, changes: readonly Change[], depth: number, edits: Edit[]): void {
  if (!hasParts(json, at)) return;
  const concerning = new Map<string | number | undefined, Change[]>();
  for (const change of changes) entryOf(concerning, change.path[depth], []).push(change);
  let isFirst = true;
  let commaStart = -1;
  for (const part of partsOf(json, at)) {
    const concerned = concerning.get(part.name) ?? [];
    const change = concerned.find(({ path }) => path.length === depth + 1);
    if (change?.kind === 'remove') {
      // With the comma behind it, if everything before it goes too; else with the one before.
      if (isFirst)
        edits.push({ start: part.start, end: part.commaEnd === -1 ? part.end : part.commaEnd, text: NOTHING });
      else edits.push({ start: commaStart, end: part.end, text: NOTHING });
    } else {
      if (change !== undefined) edits.push(editOf(json, part, change));
      const isInside = change === undefined || change.kind === 'rename';
      if (isInside && concerned.length > 0) collect(json, part.valueStart, concerned, depth + 1, edits);
      isFirst = false;
    }
    commaStart = part.commaEnd - 1;
  }
}

function editOf(json: Buffer, { start, valueStart, end }: Part, { kind, to }: Change): Edit {
  if (kind === 'keep') return { start: valueStart, end, text: json.subarray(valueStart, end) };
  const text = Buffer.from(JSON.stringify(to ?? null), 'latin1');
  if (kind === 'set') return { start: valueStart, end, text };
  const keyEnd = json.lastIndexOf(':', valueStart - 1);
  return { start, end: keyEnd, text };
}
