import { type AgeRecipient, parseAgeRecipient } from '../crypto/age-file.ts';
import { sign } from '../crypto/ed25519.ts';
import { x25519PublicOf } from '../crypto/x25519.ts';
import { encodePublicKey, parsePublicKey } from '../identity/public-key.ts';
import type { BundleAudience } from '../travel/bundle/manifest.ts';
import type { Context } from './context.ts';
import { newPin } from './new-pin.ts';
import { withOwnKey, withOwnKeyIfAny } from './secrets.ts';
import { parseWho } from './who.ts';

/** For whom a session is sealed, and who signs it. */
export interface Seal {
  /** Who signs it (z-base-32); null if nobody does. */
  readonly from: string | null;
  readonly recipient: AgeRecipient;
  /** Returns 64 bytes, Ed25519. */
  readonly sign: ((message: Uint8Array) => Uint8Array) | null;
}

/**
 * For whom a session is to be sealed, by what was typed. Throws `usage` for a key that is none, or that
 * nothing can be sealed for.
 */
export async function audienceOf({
  share,
  pin,
  recipient,
}: {
  readonly share?: string;
  readonly pin?: boolean;
  readonly recipient?: string;
}): Promise<BundleAudience> {
  if (share !== undefined) {
    const publicKey = parseWho(share);
    await x25519PublicOf(publicKey);
    return { mode: 'share', publicKey: encodePublicKey(publicKey) };
  }
  if (recipient !== undefined) {
    parseAgeRecipient(recipient);
    return { mode: 'recipient', recipient };
  }
  return pin ? { mode: 'pin' } : { mode: 'self' };
}

/**
 * Runs `work` with what seals for `audience`, and wipes it afterwards. For an age recipient it needs no key,
 * and asks nobody; with a PIN it signs if there is a key.
 */
export async function withSeal(
  context: Context,
  audience: BundleAudience,
  work: (seal: Seal) => Promise<void>,
): Promise<void> {
  switch (audience.mode) {
    case 'recipient':
      return work({ ...UNSIGNED, recipient: parseAgeRecipient(audience.recipient) });
    case 'pin':
      return withOwnKeyIfAny(context, async (own) => {
        const signed = own === null ? UNSIGNED : signedBy(await own.open());
        const { pin } = await newPin(context, {
          guessing: 'Anybody who gets hold of the file can try PINs offline.',
          beside: 'the file',
        });
        try {
          await work({ ...signed, recipient: { kind: 'passphrase', passphrase: pin } });
        } finally {
          pin.fill(0);
        }
      });
    default:
      return withOwnKey(context, async (own) => {
        const identity = await own.open();
        const key = audience.mode === 'share' ? parsePublicKey(audience.publicKey) : identity.publicKey;
        const recipient = { kind: 'x25519', publicKey: await x25519PublicOf(key) } as const;
        await work({ ...signedBy(identity), recipient });
      });
  }
}

const UNSIGNED = { from: null, sign: null };

function signedBy({ publicKey, seed }: { readonly publicKey: Uint8Array; readonly seed: Uint8Array }) {
  return { from: encodePublicKey(publicKey), sign: (message: Uint8Array) => sign(seed, message) };
}
