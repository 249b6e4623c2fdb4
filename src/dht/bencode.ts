/**
 * A decoded bencode value. Byte strings stay bytes; dictionary keys become Latin-1, one character per byte.
 */
export type Bencoded = number | Uint8Array | readonly Bencoded[] | ReadonlyMap<string, Bencoded>;

/** What `encode` accepts. Strings are written as Latin-1; entries whose value is undefined are omitted. */
export type Encodable =
  | number
  | string
  | Uint8Array
  | readonly Encodable[]
  | { readonly [key: string]: Encodable | undefined };

/** In bytes. Larger than any datagram that a DHT node needs to send. */
const MAX_BYTES = 8192;
const MAX_DEPTH = 8;
const MAX_ELEMENTS = 1024;

const COLON = 0x3a;
const DICTIONARY = 0x64;
const END = 0x65;
const INTEGER = 0x69;
const LIST = 0x6c;
const MINUS = 0x2d;
const ZERO = 0x30;

/**
 * Decodes one bencoded value (BEP 3) that must span all of `bytes`. Returns null for anything else. Never
 * throws.
 *
 * Strict, because the input is untrusted: integers and lengths must be in canonical form and within the safe
 * range, no key may repeat, and size, depth and number of elements are bounded. Keys may come in any order,
 * because some nodes do not sort them. The byte strings are views of `bytes`.
 */
export function decode(bytes: Uint8Array): Bencoded | null {
  if (bytes.length > MAX_BYTES) return null;
  const decoder = new Decoder(bytes);
  const value = decoder.value(0);
  return decoder.position === bytes.length ? value : null;
}

class Decoder {
  position = 0;
  private elements = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  value(depth: number): Bencoded | null {
    this.elements += 1;
    if (depth > MAX_DEPTH || this.elements > MAX_ELEMENTS) return null;
    switch (this.bytes[this.position]) {
      case INTEGER:
        this.position += 1;
        return this.integer(END);
      case LIST:
        this.position += 1;
        return this.list(depth);
      case DICTIONARY:
        this.position += 1;
        return this.dictionary(depth);
      default:
        return this.string();
    }
  }

  /** If the next byte ends a list or dictionary, skips it and returns true. */
  private atEnd(): boolean {
    if (this.bytes[this.position] !== END) return false;
    this.position += 1;
    return true;
  }

  private list(depth: number): Bencoded[] | null {
    const items: Bencoded[] = [];
    while (!this.atEnd()) {
      const item = this.value(depth + 1);
      if (item === null) return null;
      items.push(item);
    }
    return items;
  }

  private dictionary(depth: number): Map<string, Bencoded> | null {
    const entries = new Map<string, Bencoded>();
    while (!this.atEnd()) {
      const key = this.string();
      const value = key === null ? null : this.value(depth + 1);
      if (key === null || value === null) return null;
      const name = latin1(key);
      if (entries.has(name)) return null;
      entries.set(name, value);
    }
    return entries;
  }

  private string(): Uint8Array | null {
    const length = this.integer(COLON);
    if (length === null || Object.is(length, -0) || length < 0) return null;
    const end = this.position + length;
    if (end > this.bytes.length) return null;
    const string = this.bytes.subarray(this.position, end);
    this.position = end;
    return string;
  }

  /** Reads an integer up to the byte `terminator`, and skips that byte. */
  private integer(terminator: number): number | null {
    const negative = this.bytes[this.position] === MINUS;
    if (negative) this.position += 1;
    const start = this.position;
    let value = 0;
    for (; ; this.position += 1) {
      const byte = this.bytes[this.position];
      if (byte === terminator) break;
      const digit = byte === undefined ? -1 : byte - ZERO;
      if (digit < 0 || digit > 9) return null;
      value = value * 10 + digit;
      if (value > Number.MAX_SAFE_INTEGER) return null;
    }
    const digits = this.position - start;
    this.position += 1;
    if (digits === 0) return null;
    if (this.bytes[start] === ZERO && (digits > 1 || negative)) return null;
    return negative ? -value : value;
  }
}

/** Encodes a value (BEP 3) with sorted keys. Throws a RangeError for a number that is not a safe integer. */
export function encode(value: Encodable): Uint8Array {
  const parts: Uint8Array[] = [];
  append(parts, value);
  return Buffer.concat(parts);
}

function append(parts: Uint8Array[], value: Encodable): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError('bencode holds whole numbers only');
    parts.push(Buffer.from(`i${value}e`));
  } else if (typeof value === 'string') {
    append(parts, Buffer.from(value, 'latin1'));
  } else if (value instanceof Uint8Array) {
    parts.push(Buffer.from(`${value.length}:`), value);
  } else if (isList(value)) {
    parts.push(Buffer.from('l'));
    for (const item of value) append(parts, item);
    parts.push(Buffer.from('e'));
  } else {
    parts.push(Buffer.from('d'));
    for (const key of Object.keys(value).sort()) {
      const item = value[key];
      if (item === undefined) continue;
      append(parts, key);
      append(parts, item);
    }
    parts.push(Buffer.from('e'));
  }
}

/** `Array.isArray` does not narrow a readonly array. */
const isList = (value: object): value is readonly Encodable[] => Array.isArray(value);

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** `value` as a dictionary, or null. */
export function asDictionary(value: Bencoded | null | undefined): ReadonlyMap<string, Bencoded> | null {
  return value instanceof Map ? value : null;
}

/** `value` as a byte string (of exactly `length` bytes, if given), or null. */
export function asBytes(value: Bencoded | null | undefined, length?: number): Uint8Array | null {
  return value instanceof Uint8Array && (length === undefined || value.length === length) ? value : null;
}

/** `value` as a byte string read as Latin-1, or null. */
export function asText(value: Bencoded | null | undefined): string | null {
  return value instanceof Uint8Array ? latin1(value) : null;
}
