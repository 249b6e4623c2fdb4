import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { parsePacket } from '../../src/dht/dns-packet.ts';
import { Failure } from '../../src/failure.ts';
import {
  expiresAt,
  isLive,
  modeOf,
  parseRecord,
  recordText,
  signedText,
  signRecord,
} from '../../src/handoff/record.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey, parsePublicKey } from '../../src/identity/public-key.ts';
import { fromHex, packetVectors } from '../support/vectors.ts';

const SEED = new Uint8Array(32).fill(7);
const PUBLIC_KEY = publicKeyOf(SEED);

const BASE = {
  blob: Uint8Array.of(1, 2, 3),
  burn: false,
  createdAt: 1_790_000_000n,
  hostname: '',
  pinSalt: null,
  project: '',
  publicKey: PUBLIC_KEY,
  recipient: null,
  ttl: 86_400n,
};

/** A valid record's text with some `members` replaced by raw JSON, and the signature left as it was. */
function altered(members: Record<string, string | null>): string {
  const signed = signRecord(BASE, SEED);
  const all = new Map(
    Object.entries(JSON.parse(signed.text) as Record<string, unknown>).map(([k, v]) => [k, JSON.stringify(v)]),
  );
  for (const [key, raw] of Object.entries(members)) raw === null ? all.delete(key) : all.set(key, raw);
  return `{${[...all].map(([key, raw]) => `"${key}":${raw}`).join(',')}}`;
}

const refusal = (text: string): string => {
  try {
    parseRecord(text, PUBLIC_KEY);
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('records of the Rust implementation', () => {
  it.each(packetVectors().valid)('reads and verifies: $name', (vector) => {
    const publicKey = parsePublicKey(vector.public_key);
    const text = HANDOFF_TXT.read(parsePacket(fromHex(vector.v_hex)), vector.public_key);
    expect(text).toBe(vector.record_json);
    const record = parseRecord(vector.record_json, publicKey);
    expect(signedText(record)).toBe(vector.signed_text);
    expect(recordText(record, record.signature)).toBe(vector.record_json);
  });

  it.each(packetVectors().invalid)('refuses: $name', (vector) => {
    expect(() => parseRecord(vector.record_json, parsePublicKey(vector.public_key))).toThrow(Failure);
  });

  it('keeps every digit of a life that a Number does not hold', () => {
    const vector = packetVectors().valid.find(({ name }) => name.includes('2^63-1'));
    const record = parseRecord(vector?.record_json ?? '', parsePublicKey(vector?.public_key ?? ''));
    expect(record.ttl).toBe(2n ** 63n - 1n);
    expect(expiresAt(record)).toBe(record.createdAt + record.ttl);
  });
});

describe('a record', () => {
  it('reads back what was signed, whatever is in it', () => {
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const bytes = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(
        fc.record({
          blob: bytes,
          burn: fc.boolean(),
          createdAt: u64,
          hostname: text,
          pinSalt: fc.option(bytes),
          project: text,
          recipient: fc.option(text),
          ttl: u64,
        }),
        (fields) => {
          const signed = signRecord({ ...fields, publicKey: PUBLIC_KEY }, SEED);
          const read = parseRecord(signed.text, PUBLIC_KEY);
          expect(read).toEqual(signed);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused, and nothing worse happens, for any text at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(refusal(text)).toBe('refused');
      }),
      { numRuns: 400 },
    );
  });

  it('is refused when any one character of it is changed', () => {
    const { text } = signRecord(BASE, SEED);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 33, max: 126 }), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
        if (changed !== text) expect(refusal(changed)).toBe('refused');
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a float', { ttl: '86400.0' }],
    ['an exponent', { ttl: '864e2' }],
    ['a negative number', { ttl: '-1' }],
    ['a number above 2^64-1', { ttl: '18446744073709551616' }],
    ['a number as text', { created_at: '"1790000000"' }],
    ['burn as a number', { burn: '1' }],
    ['no blob', { blob: null }],
    ['no signature', { signature: null }],
    ['a blob that is not base64', { blob: '"AQI*"' }],
    ['a recipient that is a list', { recipient: '["a"]' }],
    ['half a surrogate pair', { recipient: '"\\ud800"' }],
    ['a pubkey of another key', { pubkey: JSON.stringify(encodePublicKey(publicKeyOf(new Uint8Array(32)))) }],
  ])('is refused with %s', (_what, members) => {
    expect(refusal(altered(members))).toBe('refused');
  });

  it('is refused with a key that stands twice, also one that nobody knows', () => {
    const { text } = signRecord(BASE, SEED);
    expect(refusal(text.replace('{', '{"burn":false,"burn":false,'))).toBe('refused');
    expect(refusal(text.replace('{', '{"x":1,"\\u0078":1,'))).toBe('refused');
  });

  it('may carry keys that nobody knows, however deep', () => {
    const { text } = signRecord(BASE, SEED);
    const deep = `${'['.repeat(400)}${']'.repeat(400)}`;
    expect(parseRecord(text.replace('{', `{"__proto__":{"burn":true},"future":${deep},`), PUBLIC_KEY).burn).toBe(false);
  });

  it('says whom it is sealed for', () => {
    expect(modeOf(BASE)).toBe('self');
    expect(modeOf({ ...BASE, recipient: 'pk:whatever' })).toBe('share');
    expect(modeOf({ ...BASE, pinSalt: new Uint8Array(32) })).toBe('pin');
  });

  it('lives from at most 5 minutes ahead of the clock until created_at + ttl', () => {
    const { createdAt, ttl } = BASE;
    expect(isLive(BASE, createdAt)).toBe(true);
    expect(isLive(BASE, createdAt - 300n)).toBe(true);
    expect(() => isLive(BASE, createdAt - 301n)).toThrow(/future/);
    expect(isLive(BASE, createdAt + ttl - 1n)).toBe(true);
    expect(isLive(BASE, createdAt + ttl)).toBe(false);
    expect(isLive({ ...BASE, ttl: 0n }, createdAt)).toBe(false);
    expect(expiresAt({ createdAt: 5n, ttl: 2n ** 64n - 1n })).toBe(2n ** 64n - 1n);
  });
});
