import type { Resolution } from '../dht/client.ts';
import type { Claim, History, Memory } from './history.ts';
import type { Payload } from './payload.ts';
import { parseRecordIfValid, type SignedRecord } from './record.ts';

/**
 * True if what stands under the key is a burn that was begun here, and nothing newer: so nobody else has the
 * handoff. So it is where the network has forgotten everything since a burn was sent.
 */
export function isOwnBurn({ seqs }: Pick<Claim, 'seqs'>, { newest }: Resolution): boolean {
  return newest === null ? seqs.length > 0 : seqs.includes(newest.seq);
}

/** The handoff that this machine began to burn, and nobody else, if it is still to be handed over. */
export function ownBurn(
  history: History,
  { claim }: Memory,
  resolution: Resolution,
): { readonly record: SignedRecord; readonly payload: Payload } | null {
  if (claim === null || !history.isLeft(claim) || !isOwnBurn(claim, resolution)) return null;
  const record = parseRecordIfValid(claim.record, resolution.publicKey);
  return record && { record, payload: claim.payload };
}
