import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_PACKET, encodePacket, parsePacket } from '../../src/dht/dns-packet.ts';
import { Failure } from '../../src/failure.ts';
import { HANDOFF_TXT, TxtRecord } from '../../src/handoff/txt-record.ts';
import { anyRecords, ascii, KEY, plain, record, refusalOf } from '../support/dns-records.ts';

describe('a TXT record', () => {
  const txt = (owner: string, data: Uint8Array) => record(owner, 16, data);

  test('finds the record whatever the case of its name', () => {
    const packet = { records: [txt(`_CCLINK.${KEY.toUpperCase()}`, ascii('\x01a\x00\x02bc'))] };
    expect(HANDOFF_TXT.read(packet, KEY)).toBe('abc');
  });

  test('overlooks records of other names and types', () => {
    const records = [
      txt(`_pubky.${KEY}`, ascii('\x01a')),
      txt(`a._cclink.${KEY}`, ascii('\x01a')),
      txt('_cclink', ascii('\x01a')),
      txt(`_cclink.${KEY.replace('8', 'y')}`, ascii('\x01a')),
      record(`_cclink.${KEY}`, 1, ascii('abcd')),
    ];
    expect(HANDOFF_TXT.read({ records }, KEY)).toBeNull();
  });

  test.each([
    ['two of them', [txt(`_cclink.${KEY}`, ascii('\x01a')), txt(`_cclink.${KEY}`, ascii('\x01a'))]],
    ['one that is not UTF-8', [txt(`_cclink.${KEY}`, ascii('\x01\xff'))]],
    ['one whose last string is cut off', [txt(`_cclink.${KEY}`, ascii('\x03ab'))]],
  ])('refuses %s', (_, records) => {
    expect(refusalOf(() => HANDOFF_TXT.read({ records }, KEY)).code).toBe('refused');
  });
});

describe('beside any other records', () => {
  test('merging and revoking leave the other records as they are', () => {
    fc.assert(
      fc.property(anyRecords, fc.string({ maxLength: 300 }), (records, text) => {
        const merged = parsePacket(encodePacket(HANDOFF_TXT.write({ records }, KEY, text)));
        expect(HANDOFF_TXT.read(merged, KEY)).toBe(Buffer.from(text).toString());
        expect(plain(HANDOFF_TXT.remove(merged, KEY))).toEqual({ records });
      }),
    );
  });

  test('its room is exact', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const packet = { records };
        const room = HANDOFF_TXT.room(packet, KEY);
        const full = encodePacket(HANDOFF_TXT.write(packet, KEY, 'x'.repeat(room)));
        expect(full.length).toBeGreaterThanOrEqual(995);
        expect(() => encodePacket(HANDOFF_TXT.write(packet, KEY, 'x'.repeat(room + 1)))).toThrow(Failure);
      }),
    );
  });
});

test('an empty packet has room for 908 bytes of text', () => {
  expect(HANDOFF_TXT.room(EMPTY_PACKET, KEY)).toBe(908);
});

test('packets that are full leave no room, and say so', () => {
  const packet = { records: [record(KEY, 16, new Uint8Array(900))] };
  expect(HANDOFF_TXT.room(packet, KEY)).toBeLessThanOrEqual(20);
  expect(HANDOFF_TXT.room({ records: [record(KEY, 16, new Uint8Array(920))] }, KEY)).toBeLessThan(1);
});

test('a handoff takes the place of the one before it', () => {
  const records = [
    record('a', 1, ascii('abcd')),
    record(`_cclink.${KEY}`, 16, ascii('\x01a')),
    record('b', 1, ascii('abcd')),
  ];
  const types = HANDOFF_TXT.write({ records }, KEY, 'new').records.map(({ owner }) =>
    Buffer.from(owner[0] ?? '').toString(),
  );
  expect(types).toEqual(['a', '_cclink', 'b']);
});

test('records of two labels stand side by side under one key', () => {
  const receipt = new TxtRecord('_cclink-receipt');
  const both = receipt.write(HANDOFF_TXT.write(EMPTY_PACKET, KEY, 'handoff'), KEY, 'receipt');
  const read = parsePacket(encodePacket(both));
  expect([HANDOFF_TXT.read(read, KEY), receipt.read(read, KEY)]).toEqual(['handoff', 'receipt']);
  expect(receipt.read(HANDOFF_TXT.remove(read, KEY), KEY)).toBe('receipt');
});
