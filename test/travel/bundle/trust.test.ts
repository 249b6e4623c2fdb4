import { describe, expect, it } from 'vitest';
import { encodePublicKey } from '../../../src/identity/public-key.ts';
import type { BundleAudience, Manifest } from '../../../src/travel/bundle/manifest.ts';
import { trustOf } from '../../../src/travel/bundle/trust.ts';
import { testKey } from '../../support/test-key.ts';

const [me, alice, bob] = [1, 2, 3].map((number) => testKey(number).publicKey) as [Uint8Array, Uint8Array, Uint8Array];
const meant = (audience: BundleAudience) => ({ audience }) as Manifest;
const forMyself = meant({ mode: 'self' });
const forMe = meant({ mode: 'share', publicKey: encodePublicKey(me) });
const nobody = { own: me, from: null, overSsh: false };

describe('how far a session is trusted', () => {
  it('is as one’s own only if the own key signed it', () => {
    expect(trustOf(forMyself, me, nobody)).toBe('own');
    expect(trustOf(forMyself, null, nobody)).toBe('other');
    expect(trustOf(forMe, alice, nobody)).toBe('other');
    // A key that is not proven to be the own one is nobody's.
    expect(() => trustOf(forMyself, me, { ...nobody, own: null })).toThrow(/sealed it again/);
  });

  it('is as from a host of one’s own if it comes from there unsigned', () => {
    expect(trustOf(forMyself, null, { ...nobody, overSsh: true })).toBe('ssh');
    expect(trustOf(forMe, alice, { ...nobody, overSsh: true })).toBe('other');
  });

  it('is refused where somebody sealed again what its signer meant for another', () => {
    for (const audience of [
      { mode: 'self' },
      { mode: 'share', publicKey: encodePublicKey(bob) },
      { mode: 'recipient', recipient: 'age1…' },
    ] as const) {
      expect(() => trustOf(meant(audience), alice, nobody), audience.mode).toThrow(
        expect.objectContaining({ code: 'refused', message: expect.stringContaining(encodePublicKey(alice)) }),
      );
    }
    expect(trustOf(meant({ mode: 'pin' }), alice, nobody)).toBe('other');
  });

  it('is refused if it is not from whom it was expected to be', () => {
    expect(trustOf(forMe, alice, { ...nobody, from: alice })).toBe('other');
    expect(() => trustOf(forMe, bob, { ...nobody, from: alice })).toThrow(/not from/);
    expect(() => trustOf(forMyself, null, { ...nobody, from: alice })).toThrow(/nobody signed it/);
    expect(() => trustOf(forMyself, me, { ...nobody, from: alice })).toThrow(/not from/);
  });
});
