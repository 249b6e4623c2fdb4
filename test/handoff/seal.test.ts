import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { openRecord } from '../../src/handoff/open.ts';
import { encodePayload } from '../../src/handoff/payload.ts';
import { parseRecord } from '../../src/handoff/record.ts';
import { openWithPin, openWithSeed, payloadRoom, sealedTextLength, sealerFor } from '../../src/handoff/seal.ts';
import { parsePublicKey } from '../../src/identity/public-key.ts';
import { fromHex, packetVectors } from '../support/vectors.ts';

const MINE = new Uint8Array(32).fill(1);
const THEIRS = new Uint8Array(32).fill(2);
const SECRET = Uint8Array.from(Buffer.from('a secret'));

describe('handoffs that the Rust implementation sealed', () => {
  it.each(packetVectors().valid.filter(({ plaintext }) => plaintext !== undefined))('open: $name', async (vector) => {
    const record = parseRecord(vector.record_json, parsePublicKey(vector.public_key));
    const opener =
      vector.open?.pin === undefined
        ? { seed: fromHex(vector.open?.seed_hex ?? '') }
        : { pin: Buffer.from(vector.open.pin) };
    const payload = await openRecord(record, opener);
    expect(payload).not.toBeNull();
    const plaintext = vector.plaintext ?? '';
    if (payload !== null && plaintext.startsWith('{'))
      expect(Buffer.from(encodePayload(payload)).toString()).toBe(plaintext);
    else expect(payload).toEqual({ host: '', project: '', session: plaintext });
  });
});

describe('sealing', () => {
  it('for oneself opens with the own key only', async () => {
    const { seal } = await sealerFor({ mode: 'self' }, MINE);
    const blob = await seal(SECRET);
    expect(await openWithSeed(blob, MINE)).toEqual(SECRET);
    expect(await openWithSeed(blob, THEIRS)).toBeNull();
  });

  it("for another's key opens with that key only, not even with the publisher's", async () => {
    const { seal } = await sealerFor({ mode: 'share', publicKey: publicKeyOf(THEIRS) }, MINE);
    const blob = await seal(SECRET);
    expect(await openWithSeed(blob, THEIRS)).toEqual(SECRET);
    expect(await openWithSeed(blob, MINE)).toBeNull();
  });

  it('with a PIN opens with that PIN and salt only', async () => {
    const pin = Buffer.from('correct horse battery');
    const { seal, pinSalt } = await sealerFor({ mode: 'pin', pin }, MINE);
    const blob = await seal(SECRET);
    expect(await openWithPin(blob, pinSalt ?? new Uint8Array(), pin)).toEqual(SECRET);
    expect(await openWithPin(blob, pinSalt ?? new Uint8Array(), Buffer.from('correct horse batterz'))).toBeNull();
    expect(await openWithSeed(blob, MINE)).toBeNull();
  });

  it('refuses a key that anybody could open: a point of small order', async () => {
    await expect(
      sealerFor({ mode: 'share', publicKey: Uint8Array.of(1, ...new Uint8Array(31)) }, MINE),
    ).rejects.toThrow(/weak/);
  });

  it('makes a text of exactly the length that was reckoned with', async () => {
    const { seal } = await sealerFor({ mode: 'self' }, MINE);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (payload) => {
        expect(Buffer.from(await seal(payload)).toString('base64')).toHaveLength(sealedTextLength(payload.length));
      }),
      { numRuns: 30 },
    );
  });

  it('reckons the longest payload that a text has room for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 2000 }), (room) => {
        expect(sealedTextLength(payloadRoom(room))).toBeLessThanOrEqual(room);
        expect(sealedTextLength(payloadRoom(room) + 1)).toBeGreaterThan(room);
      }),
    );
  });
});
