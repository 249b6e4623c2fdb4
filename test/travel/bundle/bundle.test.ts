import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sealStream } from '../../../src/crypto/age-file.ts';
import { publicKeyOf, sign } from '../../../src/crypto/ed25519.ts';
import { x25519PublicOfSecret } from '../../../src/crypto/x25519.ts';
import { type BundledFile, readBundle } from '../../../src/travel/bundle/bundle-reader.ts';
import { ContentChanged, writeBundle } from '../../../src/travel/bundle/bundle-writer.ts';
import { encodeManifest, type Manifest } from '../../../src/travel/bundle/manifest.ts';
import { TAR_END, tarHeader, tarPadding } from '../../../src/travel/bundle/tar.ts';
import { type Contents, filesOf, manifestOf } from '../../support/bundles.ts';
import { chunked, collect } from '../../support/chunks.ts';
import { fromHex } from '../../support/vectors.ts';
import vectors from '../../vectors/bundles.json' with { type: 'json' };

const SECRET = new Uint8Array(32).fill(7);
const SEED = new Uint8Array(32).fill(5);
const RECIPIENT = { kind: 'x25519', publicKey: x25519PublicOfSecret(SECRET) } as const;
const KEYS = { secrets: async () => [Uint8Array.from(SECRET)] };
const CONTENTS: Contents = {
  'session.jsonl': '{"type":"user"}\n{"type":"assistant"}\n',
  'subagents/agent-0a.jsonl': '',
  'tool-results/b1.txt': 'x'.repeat(512),
  [`tool-results/${'long-'.repeat(19)}.txt`]: 'a name of 99 characters',
};

const defect = (kind: string) => expect.objectContaining({ name: 'Failure', code: 'refused', defect: kind });
const signer = (message: Uint8Array) => sign(SEED, message);

async function written(contents: Contents, manifest = manifestOf(contents)): Promise<Buffer> {
  const sign = manifest.from === null ? null : signer;
  return collect(writeBundle(manifest, sign, filesOf(contents), RECIPIENT));
}

/** All that a bundle holds, read to its end. */
async function read(bytes: Uint8Array, ...sizes: number[]) {
  const bundle = await readBundle(chunked(bytes, ...sizes), KEYS);
  const files: (Omit<BundledFile, 'content'> & { content: Buffer })[] = [];
  for await (const file of bundle.files) files.push({ ...file, content: await collect(file.content) });
  return { ...bundle, files };
}

/** A bundle with this archive in it, sealed and packed as it should be. */
const sealed = (...parts: readonly Uint8Array[]) =>
  collect(sealStream(RECIPIENT, chunked(gzipSync(Buffer.concat(parts)))));

const secondsOf = (manifest: Manifest) => Math.floor(Date.parse(manifest.createdAt) / 1000);

/** The blocks of one file. */
function entry(name: string, content: Uint8Array | string, modified: number): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([tarHeader(name, bytes.length, modified), bytes, tarPadding(bytes.length)]);
}

/** The archive of a bundle, in its parts. */
function archive(manifest: Manifest, contents: Contents): Buffer[] {
  const modified = secondsOf(manifest);
  return [
    entry('manifest.json', encodeManifest(manifest), modified),
    ...Object.entries(contents).map(([name, content]) => entry(name, content, modified)),
    TAR_END,
  ];
}

describe('a bundle', () => {
  it('gives back its manifest and its files, in their order', async () => {
    const { manifest, signer, files } = await read(await written(CONTENTS));
    expect(manifest).toEqual(manifestOf(CONTENTS));
    expect(signer).toBeNull();
    expect(files.map(({ name, content }) => [name, content.toString()])).toEqual(Object.entries(CONTENTS));
    expect(files.map(({ kind }) => kind)).toEqual(['transcript', 'subagent', 'tool result', 'tool result']);
  });

  it('names who signed it', async () => {
    const manifest = manifestOf(CONTENTS, SEED);
    const { signer } = await read(await written(CONTENTS, manifest));
    expect(signer).toEqual(publicKeyOf(SEED));
  });

  it.each(vectors)('of format 1 is read as it was first written (vector %#)', async (vector) => {
    const keys = { secrets: async () => [fromHex(vector.x25519_secret_hex)] };
    const bundle = await readBundle(chunked(Buffer.from(vector.bundle_base64, 'base64')), keys);
    expect(bundle.manifest).toEqual(vector.manifest);
    expect(bundle.signer).toEqual(vector.signer_seed_hex && publicKeyOf(fromHex(vector.signer_seed_hex)));
    const files: Record<string, string> = {};
    for await (const { name, content } of bundle.files) files[name] = (await collect(content)).toString();
    expect(files).toEqual(vector.files);
  });

  it('comes back whatever its files hold, and however it was cut on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 2000 }),
            fc.constantFrom(511, 512, 513, 70_000).map((n) => Uint8Array.from(randomBytes(n))),
          ),
          { minLength: 1, maxLength: 5 },
        ),
        fc.integer({ min: 1, max: 5000 }),
        async (all, size) => {
          const contents = Object.fromEntries(
            all.map((content, i) => [i === 0 ? 'session.jsonl' : `tasks/${i}.json`, content]),
          );
          const { files } = await read(await written(contents), size, 3);
          expect(files.map(({ content }) => Uint8Array.from(content))).toEqual(all);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('is refused wherever it is cut off, as damaged', async () => {
    const contents = { 'session.jsonl': '{}\n' };
    const bytes = await written(contents, manifestOf(contents, SEED));
    for (let length = 22; length < bytes.length; length++) {
      await expect(read(bytes.subarray(0, length)), `${length} bytes`).rejects.toEqual(defect('damaged'));
    }
    await expect(read(Buffer.concat([bytes, Buffer.alloc(1)]))).rejects.toEqual(defect('damaged'));
  });

  it('never says that all is there before its last byte was checked', async () => {
    // Random bytes over many chunks: the defect is the very last one's.
    const contents = { 'session.jsonl': randomBytes(3_000_000) };
    const bytes = await written(contents);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const bundle = await readBundle(chunked(bytes, 10_000), KEYS);
    const names: string[] = [];
    const reading = async () => {
      for await (const file of bundle.files) {
        names.push(file.name);
        await collect(file.content);
      }
    };
    await expect(reading()).rejects.toEqual(defect('damaged'));
    expect(names).toEqual(['session.jsonl']);
  });

  it('may be read in part: what nobody reads is skipped, and checked too', async () => {
    const contents: Contents = { 'session.jsonl': randomBytes(200_000), 'tasks/1.json': '{}', 'tasks/2.json': 'x' };
    const bundle = await readBundle(chunked(await written(contents), 1000), KEYS);
    const names: string[] = [];
    for await (const { name, content } of bundle.files) {
      names.push(name);
      if (name === 'session.jsonl') for await (const _ of content) break;
    }
    expect(names).toEqual(Object.keys(contents));
    const manifest = manifestOf(contents);
    const wrong = await sealed(...archive(manifest, { ...contents, 'tasks/1.json': '[]' }));
    const other = await readBundle(chunked(wrong), KEYS);
    const skipping = async () => {
      for await (const _ of other.files);
    };
    await expect(skipping()).rejects.toEqual(defect('malformed'));
  });

  it('shows its manifest without being read to its end, and closes its source when told to', async () => {
    let closed = 0;
    let bytesRead = 0;
    const bytes = await written({ 'session.jsonl': randomBytes(8_000_000) });
    async function* source() {
      try {
        for await (const chunk of chunked(bytes, 65_536)) {
          bytesRead += chunk.length;
          yield chunk;
        }
      } finally {
        closed++;
      }
    }
    const bundle = await readBundle(source(), KEYS);
    expect(bytesRead).toBeLessThan(2_000_000);
    await bundle.close();
    await bundle.close();
    expect(closed).toBe(1);
    const stopped = await readBundle(source(), KEYS);
    for await (const _ of stopped.files) break;
    expect(closed).toBe(2);
    await expect(readBundle(source(), {})).rejects.toMatchObject({ code: 'cannot-open' });
    expect(closed).toBe(3);
  });

  it('hands over the error of its source', async () => {
    const gone = new Error('the stick was pulled');
    const bytes = await written({ 'session.jsonl': randomBytes(3_000_000) });
    const source = async function* () {
      yield* chunked(bytes.subarray(0, 2_000_000), 65_536);
      throw gone;
    };
    const bundle = await readBundle(source(), KEYS);
    const reading = async () => {
      for await (const { content } of bundle.files) await collect(content);
    };
    await expect(reading()).rejects.toBe(gone);
  });
});

describe('a bundle is refused', () => {
  const manifest = manifestOf(CONTENTS);
  const parts = archive(manifest, CONTENTS);
  const modified = secondsOf(manifest);
  const [first, transcript, subagent] = parts as [Buffer, Buffer, Buffer];
  const rest = parts.slice(3);

  it('as no bundle, if something else is in the age file, or it is none', async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('some text'),
      await collect(sealStream(RECIPIENT, chunked(Buffer.from('a secret')))),
      await collect(sealStream(RECIPIENT, chunked(Buffer.alloc(0)))),
      await sealed(),
      await sealed(Buffer.from('text')),
      await sealed(entry('README.md', 'hello', modified), TAR_END),
      await sealed(entry('manifest.json', '{"name":"an extension"}', modified), TAR_END),
      gzipSync(Buffer.concat(parts)),
    ]) {
      await expect(read(bytes)).rejects.toEqual(defect('no bundle'));
    }
  });

  it('with its files in another order, missing, twice, or one more', async () => {
    for (const entries of [
      [first, subagent, transcript, ...rest],
      [first, transcript, ...rest],
      [first, transcript, transcript, subagent, ...rest],
      [first, transcript, subagent, ...rest.slice(0, -1), entry('tasks/1.json', 'x', modified), TAR_END],
      [first, transcript, subagent, ...rest.slice(0, -1)],
      [first, first, transcript, subagent, ...rest],
      [...parts, entry('tasks/1.json', 'x', modified), TAR_END],
      [...parts, TAR_END],
      [...parts, Buffer.from('x')],
      [first, transcript, TAR_END, subagent, ...rest],
      [first],
    ]) {
      await expect(read(await sealed(...entries))).rejects.toEqual(defect('malformed'));
    }
    expect((await read(await sealed(...parts))).files).toHaveLength(4);
  });

  it('with any header that is not the one it must be', async () => {
    for (let at = 0; at < 512; at += 7) {
      const changed = Buffer.from(transcript);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(read(await sealed(first, changed, subagent, ...rest)), `byte ${at}`).rejects.toEqual(
        defect('malformed'),
      );
    }
  });

  it('with headers of another time than its manifest’s', async () => {
    const entries = Object.entries({ 'manifest.json': encodeManifest(manifest), ...CONTENTS });
    const late = entries.map(([name, content]) => entry(name, content, modified + 1));
    await expect(read(await sealed(...late, TAR_END))).rejects.toEqual(defect('malformed'));
  });

  it('with content that is not what its manifest states, or something in the padding', async () => {
    const changed = Buffer.from(transcript);
    changed[512 + 3] = (changed[512 + 3] ?? 0) ^ 1;
    await expect(read(await sealed(first, changed, subagent, ...rest))).rejects.toEqual(defect('malformed'));
    const padded = Buffer.from(transcript);
    padded[padded.length - 1] = 1;
    await expect(read(await sealed(first, padded, subagent, ...rest))).rejects.toEqual(defect('malformed'));
  });

  it('with a signature that is missing, wrong, or of somebody whom the manifest does not name', async () => {
    const own = manifestOf(CONTENTS, SEED);
    const stranger = new Uint8Array(32).fill(6);
    const [head, ...files] = archive(own, CONTENTS) as [Buffer, ...Buffer[]];
    const signed = (signature: Uint8Array) => sealed(head, entry('manifest.sig', signature, modified), ...files);
    const message = Buffer.concat([Buffer.from('cclink-bundle-v1\0'), encodeManifest(own)]);
    expect((await read(await signed(sign(SEED, message)))).signer).toEqual(publicKeyOf(SEED));
    await expect(read(await signed(sign(stranger, message)))).rejects.toEqual(defect('forged'));
    await expect(read(await signed(sign(SEED, encodeManifest(own))))).rejects.toEqual(defect('forged'));
    await expect(read(await signed(Buffer.alloc(64)))).rejects.toEqual(defect('forged'));
    await expect(read(await signed(Buffer.alloc(63)))).rejects.toEqual(defect('malformed'));
    await expect(read(await sealed(head, ...files))).rejects.toEqual(defect('malformed'));
    const unasked = sealed(first, entry('manifest.sig', sign(SEED, message), modified), transcript, subagent, ...rest);
    await expect(read(await unasked)).rejects.toEqual(defect('malformed'));
  });

  it('that states a manifest of gigabytes, before it is read', async () => {
    const header = tarHeader('manifest.json', 2 ** 32, modified);
    await expect(read(await sealed(header, Buffer.alloc(10_000)))).rejects.toEqual(defect('over the limits'));
  });
});

describe('writing a bundle', () => {
  it('fails if a file gives more, less or something else than was measured', async () => {
    const manifest = manifestOf(CONTENTS);
    const changed = (content: string) => ({ ...CONTENTS, 'tool-results/b1.txt': content });
    for (const content of ['x'.repeat(511), 'x'.repeat(513), 'y'.repeat(512)]) {
      const files = async function* () {
        for await (const file of filesOf(changed(content)))
          yield { ...file, bytes: Buffer.byteLength(String(CONTENTS[file.name])) };
      };
      await expect(collect(writeBundle(manifest, null, files(), RECIPIENT))).rejects.toBeInstanceOf(ContentChanged);
    }
  });

  it('is a defect of ours with other files than the manifest’s, or a signer that it does not name', async () => {
    const manifest = manifestOf(CONTENTS);
    const some = Object.fromEntries(Object.entries(CONTENTS).slice(0, 2));
    await expect(collect(writeBundle(manifest, null, filesOf(some), RECIPIENT))).rejects.toBeInstanceOf(TypeError);
    const more = { ...CONTENTS, 'tasks/1.json': 'x' };
    await expect(collect(writeBundle(manifest, null, filesOf(more), RECIPIENT))).rejects.toBeInstanceOf(TypeError);
    await expect(collect(writeBundle(manifest, signer, filesOf(CONTENTS), RECIPIENT))).rejects.toBeInstanceOf(
      TypeError,
    );
  });
});
