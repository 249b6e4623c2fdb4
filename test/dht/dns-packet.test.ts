import { type Answer, decode as dnsDecode, encode as dnsEncode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_PACKET, encodePacket, MAX_VALUE_WRITTEN, parsePacket } from '../../src/dht/dns-packet.ts';
import { Failure } from '../../src/failure.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { anyRecords, ascii, KEY, plain, record, refusalOf } from '../support/dns-records.ts';
import { packetVectors } from '../support/packet-vectors.ts';

const HEADER = '000080000000';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** A packet with one record of this owner (hexadecimal, with its pointers), type and data (hexadecimal). */
function raw(owner: string, type: number, data: string): Uint8Array {
  const body = fromHex(data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(body.length, 8);
  return Buffer.concat([fromHex(`${HEADER} 0001 0000 0000`), fromHex(owner), fixed, body]);
}

describe('packets of Rust cclink', () => {
  test.each(packetVectors)('give up their record: $name', ({ item, key, recordText }) => {
    expect(HANDOFF_TXT.read(parsePacket(item.value), key)).toBe(recordText);
  });

  test.each(packetVectors.filter(({ item }) => item.value.length <= MAX_VALUE_WRITTEN))(
    'are written again byte for byte, with their other records: $name',
    ({ item, key, recordText }) => {
      const packet = parsePacket(item.value);
      expect(hex(encodePacket(packet))).toBe(hex(item.value));
      expect(hex(encodePacket(HANDOFF_TXT.write(packet, key, recordText)))).toBe(hex(item.value));
    },
  );

  test.each(packetVectors.filter(({ item }) => item.value.length <= MAX_VALUE_WRITTEN))(
    'are read by npm dns-packet after a merge as we read them: $name',
    ({ item, key }) => {
      const merged = encodePacket(HANDOFF_TXT.write(parsePacket(item.value), key, '{"new":"text"}'));
      const before = dnsDecode(Buffer.from(item.value)).answers ?? [];
      const after = dnsDecode(Buffer.from(merged)).answers ?? [];
      const isOther = ({ name }: Answer) => name !== `_cclink.${key}`;
      expect(after.filter(isOther)).toEqual(before.filter(isOther));
      const handoff = after.filter((answer) => !isOther(answer)) as { data: Buffer[]; ttl: number }[];
      expect(handoff.map(({ data, ttl }) => [Buffer.concat(data).toString(), ttl])).toEqual([
        ['{"new":"text"}', 86400],
      ]);
    },
  );

  test('above 996 bytes are read, but not written', () => {
    const largest = packetVectors.find(({ item }) => item.value.length > MAX_VALUE_WRITTEN);
    expect(refusalOf(() => encodePacket(parsePacket(largest?.item.value ?? new Uint8Array()))).code).toBe('refused');
  });
});

describe('what npm dns-packet wrote', () => {
  const answers: Answer[] = [
    { type: 'TXT', name: `_pubky.${KEY}`, ttl: 300, data: ['v=1'] },
    { type: 'CNAME', name: `www.${KEY}`, ttl: 60, data: 'example.org' },
    { type: 'MX', name: KEY, ttl: 60, data: { preference: 10, exchange: 'mail.example.org' } },
    { type: 'SRV', name: `_x.${KEY}`, ttl: 60, data: { priority: 1, weight: 2, port: 3, target: 'srv.example.org' } },
    { type: 'AAAA', name: KEY, ttl: 60, data: '2001:db8::1' },
  ];

  test('gets shorter and means the same', () => {
    const written = dnsEncode({ type: 'response', flags: 0, answers });
    const ours = encodePacket(parsePacket(written));
    expect(ours.length).toBeLessThan(written.length - 150);
    expect(dnsDecode(Buffer.from(ours)).answers).toEqual(dnsDecode(written).answers);
  });
});

describe('parsePacket', () => {
  test('throws nothing but refusals, whatever it is given', () => {
    const check = (bytes: Uint8Array) => {
      try {
        const packet = parsePacket(bytes);
        HANDOFF_TXT.read(packet, KEY);
        encodePacket(packet);
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1100 }), check));
    // A real packet with a single error gets further into the parser than noise.
    const whole = packetVectors[4]?.item.value ?? new Uint8Array();
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        check(whole.with(at, byte));
        check(whole.subarray(0, at));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a pointer to itself', raw('c00c', 16, '00')],
    ['a pointer forward', raw('c00f', 16, '0161')],
    ['a pointer into the header', raw('c000', 16, '00')],
    ['a label and a pointer to it', raw('0161 c00c', 16, '00')],
    ['a pointer that is cut off', fromHex(`${HEADER} 0001 0000 0000 c0`)],
    ['a label of an unknown kind', raw('4161 00', 16, '00')],
    ['a name above 255 bytes', raw(`${'3f'.padEnd(128, '61').repeat(4)}00`, 16, '00')],
    ['a name in the data that leaves its record', raw('0161 00', 5, '03')],
    ['a record that is missing', fromHex(`${HEADER} 0001 0000 0000`)],
    ['data that is cut off', raw('0161 00', 16, '0161').subarray(0, -1)],
    ['something after the last record', Buffer.concat([raw('0161 00', 16, '0161'), Buffer.alloc(1)])],
    ['a question', fromHex('0000 8000 0001 0000 0000 0000 00 0010 0001')],
    ['a query', fromHex('0000 0000 0000 0000 0000 0000')],
    ['a header that is cut off', fromHex(HEADER)],
    ['more than 1000 bytes', new Uint8Array(1001)],
  ])('refuses %s', (_, bytes) => {
    expect(refusalOf(() => parsePacket(bytes)).code).toBe('refused');
  });

  test('reads names of exactly 255 bytes', () => {
    const label = (length: number) =>
      length
        .toString(16)
        .padStart(2, '0')
        .padEnd(2 + length * 2, '61');
    const name = `${label(63).repeat(3)}${label(61)}00`;
    expect(parsePacket(raw(name, 1, '7f000001')).records[0]?.owner).toHaveLength(4);
  });

  test('reads an empty packet, and writes a revocation as PKARR does', () => {
    expect(parsePacket(fromHex('000080000000000000000000'))).toEqual(EMPTY_PACKET);
    expect(hex(encodePacket(EMPTY_PACKET))).toBe('000080000000000000000000');
  });
});

describe('names in the data of other records', () => {
  /**
   * `<label>.<KEY>` in full, then a CNAME at `www` under the key, with a target that points to the key's
   * name.
   */
  const key = `34${hex(ascii(KEY))}00`;
  const first = `${key}0001000100000000 0004 7f000001`;
  const pointing = fromHex(`${HEADER} 0002 0000 0000 ${first} 03777777 c00c 0005 0001 00000000 0002 c00c`);

  test('are written out when they are read, so that a merge can move them', () => {
    const [, cname] = parsePacket(pointing).records;
    expect(cname).toMatchObject({ type: 5, compressed: true });
    expect(hex(cname?.data ?? new Uint8Array())).toBe(key);
  });

  test('are compressed again when they were before, so that the packet does not grow', () => {
    expect(hex(encodePacket(parsePacket(pointing)))).toBe(hex(pointing));
  });

  test('still mean the same to npm dns-packet when the record that they pointed to is gone', () => {
    const { records } = parsePacket(pointing);
    const merged = encodePacket(HANDOFF_TXT.write({ records: records.slice(1) }, KEY, 'x'));
    const cname = dnsDecode(Buffer.from(merged)).answers?.find(({ type }) => type === 'CNAME');
    expect(cname).toMatchObject({ name: `www.${KEY}`, data: KEY });
  });

  test('stay as they are when they were not compressed', () => {
    const data = fromHex(`0161 ${key}`);
    const bytes = encodePacket({ records: [record(KEY, 1, ascii('abcd')), record(`www.${KEY}`, 5, data)] });
    expect(hex(bytes)).toContain(hex(data));
    expect(parsePacket(bytes).records[1]).toMatchObject({ data, compressed: false });
  });

  test('are rewritten in MX, SOA, SRV and HTTPS records, and what follows them stays', () => {
    const cases: [number, string, string][] = [
      [15, '000a c00c', `000a ${key}`],
      [
        6,
        'c00c 0161c00c 0000000100000002000000030000000400000005',
        `${key} 0161${key} 0000000100000002000000030000000400000005`,
      ],
      [33, '0001 0002 0003 c00c', `0001 0002 0003 ${key}`],
      [65, '0001 c00c 0001 0003 026832', `0001 ${key} 0001 0003 026832`],
    ];
    for (const [type, data, full] of cases) {
      const body = fromHex(data);
      const fixed = `${type.toString(16).padStart(4, '0')}000100000000${body.length.toString(16).padStart(4, '0')}`;
      const bytes = fromHex(`${HEADER} 0002 0000 0000 ${first} c00c ${fixed}${hex(body)}`);
      const packet = parsePacket(bytes);
      expect(hex(packet.records[1]?.data ?? new Uint8Array())).toBe(hex(fromHex(full)));
      expect(hex(encodePacket(packet))).toBe(hex(bytes));
    }
  });

  test('are refused on writing in old types that may hold pointers anywhere, but do not stand in the way of reading', () => {
    const rp = parsePacket(raw('0161 00', 17, 'c00c c00c'));
    expect(refusalOf(() => encodePacket(HANDOFF_TXT.write(rp, KEY, 'x'))).message).toContain('type 17');
    const plain = parsePacket(raw('0161 00', 17, '016100 016200'));
    expect(encodePacket(plain)).toEqual(Uint8Array.from(raw('0161 00', 17, '016100 016200')));
  });
});

describe('for every packet', () => {
  test('encoding and parsing give it back', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        expect(plain(parsePacket(encodePacket({ records })))).toEqual({ records });
      }),
    );
  });
});
