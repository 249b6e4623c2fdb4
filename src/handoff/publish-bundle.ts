import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { AgeRecipient } from '../crypto/age-file.ts';
import { x25519PublicOfSecret } from '../crypto/x25519.ts';
import { Failure } from '../failure.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { writerMark } from '../files/writer-mark.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Manifest } from '../travel/bundle/manifest.ts';
import { bundleName, bundleSecret, digestOfT } from '../travel/handoff-keys.ts';
import type { KnownBundles } from '../travel/known-bundles.ts';
import { T_BYTES } from './payload.ts';

/** Where the sealed session of a handoff is put. */
export interface BundlePlace {
  /** The folder (absolute) that both machines see. */
  readonly folder: string;
  /** The key (32 bytes) that the handoff is published under. */
  readonly address: Uint8Array;
  /** When a handoff that is published now ends, in Unix seconds. */
  readonly until: () => number;
  readonly bundles: KnownBundles;
}

/** What a bundle is written by: its path, for whom it is sealed, and which handoff its manifest names. */
export interface BundleSeal {
  readonly path: string;
  readonly recipient: AgeRecipient;
  readonly handoff: NonNullable<Manifest['handoff']>;
}

/**
 * Puts the sealed session of a handoff into a folder, and publishes the handoff once it lies there; if that
 * fails it is removed again. `write` writes the file; `publish` is given the `t` of the payload, and tells
 * the `seq` that it was published with.
 *
 * Also returns the folders in which a bundle of the handoff that was replaced could not be removed. Throws
 * `refused` if there is no such folder, and whatever the two throw.
 */
export async function publishWithBundle<T extends { readonly seq: number }>(
  { folder, address, until, bundles }: BundlePlace,
  write: (seal: BundleSeal) => Promise<void>,
  publish: (t: Uint8Array) => Promise<T>,
): Promise<{ readonly published: T; readonly notRemoved: readonly string[] }> {
  mustBeFolder(folder);
  const t = Uint8Array.from(randomBytes(T_BYTES));
  const name = bundleName(t, address);
  const secret = bundleSecret(t, address);
  const recipient: AgeRecipient = { kind: 'x25519', publicKey: x25519PublicOfSecret(secret) };
  secret.fill(0);
  const key = encodePublicKey(address);
  // Noted first: whatever ends this process, it is removed at the end of its life. Another one may publish
  // meanwhile, and must not take it for what that replaces.
  await bundles.note({ folder, name, address: key, until: until(), writer: writerMark() });
  let published: T;
  try {
    await write({ path: join(folder, name), recipient, handoff: { address: key, t: digestOfT(t) } });
    published = await publish(t);
  } catch (error) {
    await bundles.remove({ folder, name });
    throw error;
  }
  // To seal it took a while. What can't be written down now is removed that much too early.
  const { seq } = published;
  await bundles.note({ folder, name, address: key, until: until(), seq }).catch(() => {});
  return { published, notRemoved: await bundles.removeUnder(key, seq) };
}

/** Throws `refused` unless there is such a folder: one that is made here would be nowhere else. */
export function mustBeFolder(folder: string): void {
  if (isDirectory(folder)) return;
  throw new Failure(
    'refused',
    `There is no folder ${folder} to put the session into. Nothing was published.`,
    'Check its path, connect its disk, or publish without it (CCLINK_FOLDER= cclink): then only a pointer goes out.',
  );
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw fileFailure('read', path, error);
  }
}
