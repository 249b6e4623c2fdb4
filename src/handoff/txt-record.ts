import {
  encodedLength,
  MAX_VALUE_WRITTEN,
  malformedPacket,
  type Packet,
  type ResourceRecord,
} from '../dht/dns-packet.ts';

const TYPE_TXT = 16;
const CLASS_IN = 1;
/** Seconds. */
const TXT_TTL = 86400;
/** Rust cclink splits at 254 bytes, one less than a character-string can hold. */
const STRING_BYTES = 254;

/**
 * A text that stands in PKARR packets as the TXT record `<label>.<key>` (docs/PROTOCOL.md, "The packet").
 *
 * The key is in z-base-32. Names are compared as DNS does, in either case.
 */
export class TxtRecord {
  private readonly label: string;

  constructor(label: string) {
    this.label = label;
  }

  /**
   * The text under a key, its character-strings joined; null if the packet has none.
   *
   * Throws `refused` where there are two such records, or the text is cut off or not UTF-8.
   */
  read(packet: Packet, z32Key: string): string | null {
    const [record, second] = packet.records.filter((candidate) => this.isOf(candidate, z32Key));
    if (record === undefined) return null;
    if (second !== undefined) throw malformedPacket(`it holds two ${this.label} records`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.joinedStrings(record.data));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw malformedPacket(`the text of its ${this.label} record is not UTF-8`);
    }
  }

  /**
   * The packet with `text` as the only such record under a key: in the place of the one it had, else last.
   */
  write(packet: Packet, z32Key: string, text: string): Packet {
    const record = this.encode(z32Key, Buffer.from(text));
    const index = packet.records.findIndex((candidate) => this.isOf(candidate, z32Key));
    const others = this.remove(packet, z32Key).records;
    return { records: index === -1 ? [...others, record] : others.toSpliced(index, 0, record) };
  }

  /** The packet without such records under a key. Everything else stays, in its order. */
  remove(packet: Packet, z32Key: string): Packet {
    return { records: packet.records.filter((record) => !this.isOf(record, z32Key)) };
  }

  /**
   * How many bytes of text there is room for under a key beside the packet's other records: 908 for `_cclink`
   * in an empty packet. Negative if the others are too large already.
   */
  room(packet: Packet, z32Key: string): number {
    const left = MAX_VALUE_WRITTEN - encodedLength(this.write(packet, z32Key, ''));
    // Each started 254 bytes of text cost one byte more.
    return left - Math.ceil(Math.max(left, 0) / (STRING_BYTES + 1));
  }

  private isOf(record: ResourceRecord, z32Key: string): boolean {
    const [first, second] = record.owner;
    return (
      record.type === TYPE_TXT &&
      record.owner.length === 2 &&
      lowerCase(first as Uint8Array) === this.label &&
      lowerCase(second as Uint8Array) === z32Key.toLowerCase()
    );
  }

  private encode(z32Key: string, text: Uint8Array): ResourceRecord {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < text.length; start += STRING_BYTES) {
      const string = text.subarray(start, start + STRING_BYTES);
      parts.push(Uint8Array.of(string.length), string);
    }
    const owner = [Buffer.from(this.label), Buffer.from(z32Key)];
    return { owner, type: TYPE_TXT, class: CLASS_IN, ttl: TXT_TTL, data: Buffer.concat(parts), compressed: false };
  }

  /** The character-strings of a TXT record's data (RFC 1035, 3.3.14) in one piece. */
  private joinedStrings(data: Uint8Array): Uint8Array {
    const strings: Uint8Array[] = [];
    for (let position = 0; position < data.length; ) {
      const length = data[position] as number;
      position += 1;
      if (position + length > data.length) throw malformedPacket(`the text of its ${this.label} record is cut off`);
      strings.push(data.subarray(position, position + length));
      position += length;
    }
    return Buffer.concat(strings);
  }
}

const lowerCase = (label: Uint8Array) => Buffer.from(label).toString('latin1').toLowerCase();

/** Where a handoff stands. */
export const HANDOFF_TXT = new TxtRecord('_cclink');
