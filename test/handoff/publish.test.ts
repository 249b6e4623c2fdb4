import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { type Handoff, heldForOthers } from '../../src/handoff/publish.ts';
import { signRecord } from '../../src/handoff/record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';

const SEED = new Uint8Array(32).fill(1);
const KEY = publicKeyOf(SEED);
const BOB = publicKeyOf(new Uint8Array(32).fill(2));
const NOW = 1_790_000_000n;
const HOUR = 3600n;

const FOR_MYSELF: Handoff = {
  audience: { mode: 'self' },
  burn: false,
  ttl: 60,
  payload: { host: '', project: '', session: '11111111-1111-4111-8111-111111111111' },
};
const FOR_BOB: Handoff = { ...FOR_MYSELF, audience: { mode: 'share', publicKey: BOB } };

/** A record that lives for an hour, made `agoSeconds` ago. */
function recordText(agoSeconds: bigint, { recipient = null as string | null, pin = false } = {}): string {
  const made = { blob: Uint8Array.of(1), burn: false, createdAt: NOW - agoSeconds, hostname: '', project: '' };
  const pinSalt = pin ? new Uint8Array(32) : null;
  return signRecord({ ...made, pinSalt, publicKey: KEY, recipient, ttl: HOUR }, SEED).text;
}

const isHeld = (text: string | null, next = FOR_MYSELF) => heldForOthers(text, KEY, next, NOW) !== null;

describe('what a publish would take from others', () => {
  const recipient = encodePublicKey(BOB);

  it.each([
    ['one that they can pick up now', 60n, true],
    ['one from the future, which has begun by their clock', -2n * HOUR, true],
    ['one that ended a moment ago by this clock', HOUR + 120n, true],
    ['one that has surely ended', HOUR + 301n, false],
  ])('is a handoff that is sealed for them: %s', (_, agoSeconds, held) => {
    expect(isHeld(recordText(agoSeconds, { recipient }))).toBe(held);
    expect(isHeld(recordText(agoSeconds, { pin: true }))).toBe(held);
  });

  it('is not one for oneself, one for whom the next is too, or what nobody can pick up', () => {
    expect(isHeld(recordText(60n))).toBe(false);
    expect(isHeld(recordText(60n, { recipient }), FOR_BOB)).toBe(false);
    expect(isHeld(recordText(60n, { recipient: 'carol' }), FOR_BOB)).toBe(true);
    expect([isHeld(null), isHeld('{}')]).toEqual([false, false]);
  });
});
