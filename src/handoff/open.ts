import { decodePayload, type Payload } from './payload.ts';
import type { HandoffRecord } from './record.ts';
import { openWithPin, openWithSeed } from './seal.ts';

/** What opens a handoff: the 32-byte seed of a key pair, or a PIN (UTF-8 bytes as typed). */
export type Opener = { readonly seed: Uint8Array } | { readonly pin: Uint8Array };

/**
 * Opens the sealed payload of a verified record. Null if the key or the PIN is not the right one.
 *
 * Throws `cannot-open` if the ciphertext is damaged or holds no session.
 */
export async function openRecord(record: HandoffRecord, opener: Opener): Promise<Payload | null> {
  const bytes =
    'pin' in opener
      ? await openWithPin(record.blob, record.pinSalt ?? new Uint8Array(), opener.pin)
      : await openWithSeed(record.blob, opener.seed);
  return bytes === null ? null : decodePayload(bytes);
}
