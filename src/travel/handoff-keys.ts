import { createHash } from 'node:crypto';
import { base32 } from '@scure/base';
import { hkdf } from '../crypto/hkdf.ts';

/*
 * What a handoff's `t` (16 bytes) yields under the handoff's address, which is a 32-byte public key
 * (docs/PROTOCOL.md, "The folder"). Whoever opened the handoff has `t`, and nobody else.
 */

/** Base32 characters of a name: 130 bits, so that two writers never share one. */
const NAME_CHARACTERS = 26;
const BUNDLE_SUFFIX = '.cclink';

/** The name of the bundle's file in a folder. It tells nothing of the handoff. */
export function bundleName(t: Uint8Array, address: Uint8Array): string {
  const text = base32.encode(hkdf(t, 'cclink-folder-v1', address));
  return `${text.slice(0, NAME_CHARACTERS).toLowerCase()}${BUNDLE_SUFFIX}`;
}

/** The part of a name that its copies share. */
export const stemOf = (name: string): string => name.slice(0, NAME_CHARACTERS);

/**
 * True if `other` is the bundle called `name`, or what a service that syncs folders makes of it where two
 * machines changed it: `<name>.sync-conflict-….cclink` (Syncthing), `<name> (conflicted copy).cclink`
 * (Dropbox).
 */
export const isCopyOf = (name: string, other: string): boolean =>
  other.startsWith(stemOf(name)) && other.endsWith(BUNDLE_SUFFIX);

/** True if `name` may be that of a bundle. */
export const isBundleName = (name: string): boolean => /^[a-z2-7]{26}\.cclink$/.test(name);

/**
 * The X25519 secret (32 bytes) that the bundle is sealed to. It is not the long-term key: a service that
 * syncs folders keeps old versions, and once the handoff is burnt nobody can make this one again.
 */
export function bundleSecret(t: Uint8Array, address: Uint8Array): Uint8Array {
  return hkdf(t, 'cclink-bundle-seal-v1', address);
}

/** How a bundle's manifest names the `t` of its handoff: the SHA-256 in base64url. */
export function digestOfT(t: Uint8Array): string {
  return createHash('sha256').update(t).digest('base64url');
}
