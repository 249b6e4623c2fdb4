import { Failure } from '../failure.ts';
import { MAX_VALUE_READ } from './mutable-item.ts';

/**
 * The largest packet that we write, in bytes (up to 1000 are read): libtorrent's nodes refuse larger ones.
 */
export const MAX_VALUE_WRITTEN = 996;

/** One resource record (RFC 1035, 4.1.3). */
export interface ResourceRecord {
  /** The owner's labels, 1 to 63 bytes each. */
  readonly owner: readonly Uint8Array[];
  readonly type: number;
  readonly class: number;
  /** In seconds. */
  readonly ttl: number;
  /** Names in it are written out in full. */
  readonly data: Uint8Array;
  /**
   * True if names in the data were compressed. They are compressed again when written, so that a merge does
   * not make the packet grow.
   */
  readonly compressed: boolean;
}

/** A PKARR packet: a DNS response that holds nothing but answers. */
export interface Packet {
  readonly records: readonly ResourceRecord[];
}

/** A packet without records: what a revocation leaves if the key holds nothing else. */
export const EMPTY_PACKET: Packet = { records: [] };

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;

/** The types whose data may hold compressed names: after `skip` bytes there are `names` of them. */
const NAMES_IN_DATA: ReadonlyMap<number, { readonly skip: number; readonly names: number }> = new Map([
  [2, { skip: 0, names: 1 }], // NS
  [5, { skip: 0, names: 1 }], // CNAME
  [6, { skip: 0, names: 2 }], // SOA
  [12, { skip: 0, names: 1 }], // PTR
  [15, { skip: 2, names: 1 }], // MX
  [33, { skip: 6, names: 1 }], // SRV
  [39, { skip: 0, names: 1 }], // DNAME
  [64, { skip: 2, names: 1 }], // SVCB
  [65, { skip: 2, names: 1 }], // HTTPS
]);

/**
 * MD, MF, MB, MG, MR, MINFO, RP, AFSDB, RT, SIG, PX, NXT, NAPTR, KX, A6: their data may hold compressed
 * names, and we do not know where.
 */
const OPAQUE_NAMES: ReadonlySet<number> = new Set([3, 4, 7, 8, 9, 14, 17, 18, 21, 24, 26, 30, 35, 36, 38]);

/** The failure for an invalid PKARR packet; `what` says what is wrong with it. */
export function malformedPacket(what: string): Failure {
  return new Failure(
    'refused',
    `The packet under this key is not a valid PKARR packet: ${what}.`,
    'The owner of the key can publish again with an intact tool; nothing was changed.',
  );
}

/**
 * Reads a PKARR packet: at most 1000 bytes, a DNS response with answers only.
 *
 * Throws `refused` if it is malformed.
 */
export function parsePacket(bytes: Uint8Array): Packet {
  if (bytes.length > MAX_VALUE_READ) throw malformedPacket('it is larger than 1000 bytes');
  return new Reader(bytes).packet();
}

class Reader {
  private position = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  packet(): Packet {
    if (this.bytes.length < HEADER_BYTES) throw malformedPacket('it is too short');
    if ((this.view.getUint16(2) & 0x8000) === 0) throw malformedPacket('it is not a DNS response');
    const count = this.view.getUint16(6);
    if (this.view.getUint16(4) + this.view.getUint16(8) + this.view.getUint16(10) > 0) {
      throw malformedPacket('it holds more than answers');
    }
    this.position = HEADER_BYTES;
    const records: ResourceRecord[] = [];
    for (let i = 0; i < count; i += 1) records.push(this.record());
    if (this.position !== this.bytes.length) throw malformedPacket('something follows its last record');
    return { records };
  }

  private record(): ResourceRecord {
    const owner = this.name().labels;
    const start = this.advance(10);
    const type = this.view.getUint16(start);
    const length = this.view.getUint16(start + 8);
    const end = this.advance(length) + length;
    this.position = end - length;
    const data = this.data(type, end);
    this.position = end;
    return { owner, type, class: this.view.getUint16(start + 2), ttl: this.view.getUint32(start + 4), ...data };
  }

  /** The data of a record, which ends at `end`, with its names written out in full. */
  private data(type: number, end: number): { data: Uint8Array; compressed: boolean } {
    const start = this.position;
    const layout = NAMES_IN_DATA.get(type);
    const parts: Uint8Array[] = [];
    let compressed = false;
    if (layout !== undefined) {
      this.advance(layout.skip);
      parts.push(this.bytes.subarray(start, this.position));
      for (let i = 0; i < layout.names; i += 1) {
        const name = this.name();
        compressed ||= name.compressed;
        parts.push(...name.labels.flatMap((label) => [Uint8Array.of(label.length), label]), Uint8Array.of(0));
      }
      if (this.position > end) throw malformedPacket('a name leaves its record');
    }
    parts.push(this.bytes.subarray(this.position, end));
    return { data: Uint8Array.from(Buffer.concat(parts)), compressed };
  }

  /** Skips `length` bytes, which must exist. Returns where they start. */
  private advance(length: number): number {
    const start = this.position;
    if (start + length > this.bytes.length) throw malformedPacket('it is cut off');
    this.position += length;
    return start;
  }

  /** Reads a name, following pointers. Each must point further back than the one before: no loops. */
  private name(): { labels: Uint8Array[]; compressed: boolean } {
    const labels: Uint8Array[] = [];
    let size = 1;
    let after: number | undefined;
    let earliest = this.position;
    for (;;) {
      const at = this.advance(1);
      const length = this.view.getUint8(at);
      if (length === 0) break;
      if (length >= 0xc0) {
        this.advance(1);
        after ??= this.position;
        this.position = this.view.getUint16(at) & 0x3fff;
        if (this.position >= earliest || this.position < HEADER_BYTES) throw malformedPacket('a name points nowhere');
        earliest = this.position;
      } else {
        if (length > 63) throw malformedPacket('a name has a label of an unknown kind');
        size += 1 + length;
        if (size > MAX_NAME_BYTES) throw malformedPacket('a name is too long');
        const start = this.advance(length);
        labels.push(this.bytes.slice(start, start + length));
      }
    }
    if (after !== undefined) this.position = after;
    return { labels, compressed: after !== undefined };
  }
}

/**
 * Writes a packet with compressed names.
 *
 * Throws `refused` if it would exceed the 996 bytes that every node accepts, or holds a record whose data may
 * contain pointers into the packet that it was read from.
 */
export function encodePacket(packet: Packet): Uint8Array {
  const opaque = packet.records.find(({ type, data }) => OPAQUE_NAMES.has(type) && data.some((byte) => byte >= 0xc0));
  if (opaque !== undefined) {
    throw new Failure(
      'refused',
      `The packet under this key holds a record of type ${opaque.type}, which cclink can't carry over unharmed.`,
      'Remove that record with the tool that published it, or use another key (CCLINK_KEY_FILE).',
    );
  }
  const bytes = write(packet);
  if (bytes.length <= MAX_VALUE_WRITTEN) return bytes;
  throw new Failure(
    'refused',
    `The packet would be ${bytes.length} bytes large; the DHT carries ${MAX_VALUE_WRITTEN}.`,
    'Remove some of the other records under your key with the tool that published them, or use another key.',
  );
}

/** The size of the packet when written, in bytes, even if that is more than the DHT carries. */
export function encodedLength(packet: Packet): number {
  return write(packet).length;
}

function write(packet: Packet): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(0x80, 2);
  header.writeUInt16BE(packet.records.length, 6);
  const writer = new Writer(header);
  for (const record of packet.records) writer.record(record);
  return Uint8Array.from(Buffer.concat(writer.parts));
}

class Writer {
  readonly parts: Uint8Array[] = [];
  private length = 0;
  /** Where each suffix of a name first occurs. */
  private readonly suffixes = new Map<string, number>();

  constructor(header: Uint8Array) {
    this.push(header);
  }

  record(record: ResourceRecord): void {
    this.name(record.owner, true);
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(record.type, 0);
    fixed.writeUInt16BE(record.class, 2);
    fixed.writeUInt32BE(record.ttl, 4);
    this.push(fixed);
    const start = this.length;
    this.data(record);
    fixed.writeUInt16BE(this.length - start, 8);
  }

  private data({ type, data, compressed }: ResourceRecord): void {
    const { skip, names } = NAMES_IN_DATA.get(type) ?? { skip: 0, names: 0 };
    let position = skip;
    this.push(data.subarray(0, skip));
    for (let i = 0; i < names; i += 1) {
      const labels: Uint8Array[] = [];
      for (let length = data[position++]; length !== undefined && length > 0; length = data[position++]) {
        labels.push(data.subarray(position, position + length));
        position += length;
      }
      this.name(labels, compressed);
    }
    this.push(data.subarray(position));
  }

  /** Writes a name. If `compress`, the longest suffix that is already in the packet becomes a pointer. */
  private name(labels: readonly Uint8Array[], compress: boolean): void {
    for (let i = 0; i < labels.length; i += 1) {
      const suffix = labels
        .slice(i)
        .map((label) => Buffer.from(label).toString('hex'))
        .join('.');
      const pointer = this.suffixes.get(suffix);
      if (pointer === undefined) this.suffixes.set(suffix, this.length);
      else if (compress) {
        this.push(Uint8Array.of(0xc0 | (pointer >> 8), pointer & 0xff));
        return;
      }
      const label = labels[i] as Uint8Array;
      this.push(Uint8Array.of(label.length));
      this.push(label);
    }
    this.push(Uint8Array.of(0));
  }

  private push(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }
}
