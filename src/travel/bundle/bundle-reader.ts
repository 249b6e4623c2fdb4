import { createHash } from 'node:crypto';
import { kindOfName, type SessionFileKind } from '../../claude/session-layout.ts';
import { AgeFileDefect, type AgeKeys, openStream } from '../../crypto/age-file.ts';
import { ByteReader } from '../../files/byte-reader.ts';
import { parsePublicKey } from '../../identity/public-key.ts';
import { BundleFailure, damagedBundle, malformedBundle, noBundle, overTheLimits } from './bundle-failure.ts';
import { uncompress } from './gzip.ts';
import { MAX_MANIFEST_BYTES } from './limits.ts';
import {
  type BundleFile,
  MANIFEST_NAME,
  type Manifest,
  parseManifest,
  SIGNATURE_NAME,
  secondsOf,
  verifyManifest,
} from './manifest.ts';
import { numbersInTarHeader, TAR_END, TAR_HEADER_BYTES, tarHeader, tarPadding } from './tar.ts';

/** A file in a bundle. Its content can be read once, before the next file is asked for. */
export interface BundledFile {
  readonly name: string;
  readonly kind: SessionFileKind;
  readonly bytes: number;
  /** Throws at its end if the digest is not the manifest's. What is not read is skipped, but checked too. */
  readonly content: AsyncIterable<Buffer>;
}

/** A bundle whose manifest has been read and verified. */
export interface Bundle {
  readonly manifest: Manifest;
  /** The 32-byte key that signed the manifest; null if nobody did. */
  readonly signer: Uint8Array | null;
  /**
   * The files in the manifest's order, to be read once. It ends only after the whole bundle was read and
   * checked to its last byte: until then nothing of it may be used.
   */
  readonly files: AsyncIterable<BundledFile>;
  /** Stops reading and closes the source. Does nothing after the end. */
  close(): Promise<void>;
}

const SIGNATURE_BYTES = 64;

/**
 * Opens a bundle and reads its manifest, and no further than that: about a megabyte.
 *
 * Throws `cannot-open` if none of the keys opens it; a `BundleFailure` if it is damaged, forged, over the
 * limits, of a newer format, or no bundle at all. So do `files` and their contents. Errors of the source are
 * thrown as they are.
 */
export async function readBundle(source: AsyncIterable<Uint8Array>, keys: AgeKeys): Promise<Bundle> {
  const tar = new ByteReader(uncompress(opened(source, keys)));
  try {
    const { manifest, signer, modified } = await readManifest(tar);
    return {
      manifest,
      signer,
      files: readFiles(tar, manifest.files, modified),
      close: () => tar.close(),
    };
  } catch (error) {
    await tar.close();
    throw error;
  }
}

/** The plain bytes, with failures that speak of a bundle. */
async function* opened(source: AsyncIterable<Uint8Array>, keys: AgeKeys): AsyncGenerator<Buffer, void, void> {
  try {
    yield* openStream(source, keys);
  } catch (error) {
    if (!(error instanceof AgeFileDefect)) throw error;
    throw error.isAgeFile ? damagedBundle({ cause: error }) : noBundle();
  }
}

/** Reads what comes before the files; `modified` is what every header says. */
async function readManifest(
  tar: ByteReader,
): Promise<{ manifest: Manifest; signer: Uint8Array | null; modified: number }> {
  const { bytes: size, modified } = await readFirstHeader(tar);
  if (size > MAX_MANIFEST_BYTES) throw overTheLimits(`its manifest is larger than ${MAX_MANIFEST_BYTES} bytes`);
  const bytes = await tar.take(size);
  const manifest = parseManifest(bytes);
  if (modified !== secondsOf(manifest)) throw malformedBundle('its first header has another time than its manifest');
  await expect(tar, tarPadding(size), MANIFEST_NAME);
  if (manifest.from === null) return { manifest, signer: null, modified };

  await expect(tar, tarHeader(SIGNATURE_NAME, SIGNATURE_BYTES, modified), SIGNATURE_NAME);
  const signature = await tar.take(SIGNATURE_BYTES);
  await expect(tar, tarPadding(SIGNATURE_BYTES), SIGNATURE_NAME);
  const signer = parsePublicKey(manifest.from);
  if (!verifyManifest(bytes, signature, signer)) throw forged();
  return { manifest, signer, modified };
}

async function readFirstHeader(tar: ByteReader): Promise<{ bytes: number; modified: number }> {
  let header: Buffer;
  try {
    header = await tar.take(TAR_HEADER_BYTES);
  } catch (error) {
    // An age file with something else in it.
    throw error instanceof BundleFailure && error.defect === 'malformed' ? noBundle() : error;
  }
  const stated = numbersInTarHeader(header);
  if (stated === null || !header.equals(tarHeader(MANIFEST_NAME, stated.bytes, stated.modified))) throw noBundle();
  return stated;
}

/**
 * The files in their order. Every header is known beforehand from the manifest, and is compared, not parsed:
 * so there is one reading of a bundle, and no link, device, long name or second manifest in it.
 */
async function* readFiles(
  tar: ByteReader,
  files: readonly BundleFile[],
  modified: number,
): AsyncGenerator<BundledFile, void, void> {
  try {
    for (const { name, bytes, sha256 } of files) {
      await expect(tar, tarHeader(name, bytes, modified), name);
      const kind = kindOfName(name);
      if (kind === null) throw new TypeError('The manifest was not checked.');
      const content = new BundledContent(tar, { name, bytes, sha256 });
      yield { name, kind, bytes, content };
      for await (const _ of content);
      await expect(tar, tarPadding(bytes), name);
    }
    await expect(tar, TAR_END, 'the end');
    if (!(await tar.atEnd())) throw malformedBundle('something follows behind its end');
  } finally {
    await tar.close();
  }
}

/** What is left to read of a file. */
class BundledContent implements AsyncIterable<Buffer> {
  readonly #tar: ByteReader;
  readonly #file: BundleFile;
  readonly #hash = createHash('sha256');
  #digest: string | null = null;
  #left: number;

  constructor(tar: ByteReader, file: BundleFile) {
    this.#tar = tar;
    this.#file = file;
    this.#left = file.bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    while (this.#left > 0) {
      const chunk = await this.#tar.some(this.#left);
      if (chunk.length === 0) throw malformedBundle(`${this.#file.name} is not whole`);
      this.#left -= chunk.length;
      this.#hash.update(chunk);
      yield chunk;
    }
    this.#digest ??= this.#hash.digest('hex');
    if (this.#digest !== this.#file.sha256) throw malformedBundle(`${this.#file.name} is not what its manifest says`);
  }
}

/** Reads bytes that are known beforehand, those of `what`. */
async function expect(tar: ByteReader, bytes: Buffer, what: string): Promise<void> {
  const found = await tar.take(bytes.length);
  if (!found.equals(bytes)) throw malformedBundle(`${what} is not where its manifest says`);
}

function forged(): BundleFailure {
  return new BundleFailure(
    'forged',
    'The signature of the bundle is wrong: somebody else made or changed it.',
    'Do not trust it. Ask whoever sent it to export the session again.',
  );
}
