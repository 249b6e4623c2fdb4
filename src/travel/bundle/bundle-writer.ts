import { createHash } from 'node:crypto';
import { type AgeRecipient, sealStream } from '../../crypto/age-file.ts';
import { Failure } from '../../failure.ts';
import { compress } from './gzip.ts';
import {
  type BundleFile,
  encodeManifest,
  MANIFEST_NAME,
  type Manifest,
  SIGNATURE_NAME,
  secondsOf,
  signManifest,
} from './manifest.ts';
import { TAR_END, tarHeader, tarPadding } from './tar.ts';

/** A file on its way into a bundle: `bytes` is its size, `content` gives exactly those. */
export interface BundleContent {
  readonly name: string;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** A file gave other bytes than the manifest says: it was changed after it had been measured. */
export class ContentChanged extends Failure {
  constructor(name: string) {
    super('refused', `${name} was changed while it was read.`, 'Try again in a moment.');
  }
}

/**
 * A sealed bundle (docs/PROTOCOL.md, "The bundle"). `files` must be those of the manifest, in its order. With
 * `sign` (which returns 64 bytes, Ed25519) the manifest is signed; `manifest.from` must name that key.
 *
 * Throws `ContentChanged` if a file differs from the manifest: what was written so far is worth nothing.
 */
export function writeBundle(
  manifest: Manifest,
  sign: ((message: Uint8Array) => Uint8Array) | null,
  files: AsyncIterable<BundleContent>,
  recipient: AgeRecipient,
): AsyncGenerator<Buffer, void, void> {
  return sealStream(recipient, compress(archive(manifest, sign, files)));
}

/** The tar file inside. */
async function* archive(
  manifest: Manifest,
  sign: ((message: Uint8Array) => Uint8Array) | null,
  files: AsyncIterable<BundleContent>,
): AsyncGenerator<Uint8Array, void, void> {
  if ((sign === null) !== (manifest.from === null))
    throw new TypeError('A manifest names its signer, and nobody else.');
  const modified = secondsOf(manifest);
  const bytes = encodeManifest(manifest);
  yield* small(MANIFEST_NAME, bytes, modified);
  if (sign !== null) yield* small(SIGNATURE_NAME, signManifest(bytes, sign), modified);

  const expected = manifest.files.values();
  for await (const file of files) {
    const { value: stated } = expected.next();
    if (stated?.name !== file.name || stated.bytes !== file.bytes) {
      throw new TypeError('The files are not those of the manifest.');
    }
    yield tarHeader(file.name, file.bytes, modified);
    yield* checked(stated, file.content);
    yield tarPadding(file.bytes);
  }
  if (!expected.next().done) throw new TypeError('The files are not those of the manifest.');
  yield TAR_END;
}

function* small(name: string, content: Uint8Array, modified: number): Generator<Uint8Array, void, void> {
  yield tarHeader(name, content.length, modified);
  yield content;
  yield tarPadding(content.length);
}

/** The content, if it is what the manifest states: never more of it, and not its end if it is not. */
async function* checked(
  { name, bytes, sha256 }: BundleFile,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256');
  let left = bytes;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) throw new ContentChanged(name);
    hash.update(chunk);
    yield chunk;
  }
  if (left > 0 || hash.digest('hex') !== sha256) throw new ContentChanged(name);
}
