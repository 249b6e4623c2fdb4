import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { identityOf, type SessionFile } from '../claude/session-contents.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { ContentChanged } from './bundle/bundle-writer.ts';
import { MAX_JSON_BYTES } from './bundle/limits.ts';
import type { Loss } from './bundle/manifest.ts';
import { lossOfFile } from './harmful-kinds.ts';
import { rewriteJson } from './rewrite-json.ts';
import type { TranscriptFacts } from './transcript/transcript-facts.ts';
import { type FilterOptions, filterTranscript, TranscriptFilter } from './transcript/transcript-filter.ts';

/** A file that was read once, and what it will be in the bundle. */
export interface Departure {
  readonly file: SessionFile;
  /** Of what will leave. */
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly left: readonly Loss[];
  /** Only of a transcript, as its `FilterReport` has them. */
  readonly facts: TranscriptFacts | null;
  readonly backupsKept: ReadonlySet<string> | null;
  /** Reads it again. Throws `ContentChanged` if it can't be the same. */
  content(): AsyncIterable<Uint8Array>;
  close(): void;
}

const BLOCK_BYTES = 1024 * 1024;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

type Filter = Pick<FilterOptions, 'strict' | 'keepThinking' | 'directory' | 'links'>;

/**
 * Reads a file of a session once, as it will leave. `onRead` is told of bytes as they are read, both times.
 * A loss is what can't leave, where the session can do without it.
 *
 * Throws `ContentChanged` if it is another file by now, and `refused` if the transcript can't be read.
 */
export async function departureOf(
  file: SessionFile,
  filter: Filter,
  onRead: (bytes: number) => void,
): Promise<Departure | Loss> {
  const loss = filter.strict ? lossOfFile(file) : null;
  if (loss !== null) return loss;
  const isTranscript = file.kind === 'transcript';
  const source = new Source(file, onRead);
  try {
    source.open();
  } catch (error) {
    if (isTranscript || error instanceof ContentChanged) throw fileFailure('read', file.path, error);
    return { what: file.name, why: "can't be read" };
  }
  let staysOpen = false;
  try {
    const departure = await measured(source, filter);
    source.mustBeNamed();
    // Thousands of files can't stay open. The transcript does: it may be replaced by a compacted one.
    staysOpen = isTranscript;
    return departure;
  } finally {
    if (!staysOpen) source.close();
  }
}

async function measured(source: Source, filter: Filter): Promise<Departure | Loss> {
  switch (source.file.kind) {
    case 'transcript':
    case 'subagent':
      return measuredTranscript(source, filter);
    case 'subagent facts':
    case 'title':
    case 'task':
      return measuredJson(source, filter);
    default:
      return measuredAs(source, () => source.blocks());
  }
}

async function measuredTranscript(source: Source, filter: Filter): Promise<Departure> {
  let last = new TranscriptFilter({ ...filter, ...NOTHING_MOVES });
  const departure = await measuredAs(source, () => {
    last = new TranscriptFilter({ ...filter, ...NOTHING_MOVES });
    return filterTranscript(source.blocks(), last);
  });
  const { needsAnotherPass, links, left, facts, backupsKept } = last.report;
  if (needsAnotherPass && filter.links === undefined) return measuredTranscript(source, { ...filter, links });
  return source.file.kind === 'transcript' ? { ...departure, left, facts, backupsKept } : { ...departure, left };
}

async function measuredJson(source: Source, { strict }: Filter): Promise<Departure | Loss> {
  const { name } = source.file;
  if (source.size > MAX_JSON_BYTES) return { what: name, why: 'is too large' };
  const read = () =>
    rewriteJson(Buffer.concat(Array.from(source.blocks(), (block) => Buffer.from(block))), {
      strict,
      ...NOTHING_MOVES,
    });
  const json = read();
  return json === null
    ? { what: name, why: 'holds no JSON object' }
    : measuredAs(source, () => [read() ?? Buffer.alloc(0)]);
}

/** Paths and ids change where a session arrives, not where it leaves. */
const NOTHING_MOVES = { rewrite: null, newSessionId: null };

/** What `read` gives, which is called again for the content. */
async function measuredAs(source: Source, read: () => AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Departure> {
  const { file } = source;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const block of read()) {
    hash.update(block);
    bytes += block.length;
  }
  return {
    file,
    bytes,
    sha256: hash.digest('hex'),
    left: [],
    facts: null,
    backupsKept: null,
    async *content() {
      source.open();
      try {
        yield* read();
      } finally {
        if (file.kind !== 'transcript') source.close();
      }
    },
    close: () => source.close(),
  };
}

/** A file as long as it was when it was first opened: what is appended meanwhile is not read. */
class Source {
  readonly file: SessionFile;
  readonly #onRead: (bytes: number) => void;
  #descriptor: number | null = null;
  #size: number | null = null;

  constructor(file: SessionFile, onRead: (bytes: number) => void) {
    this.file = file;
    this.#onRead = onRead;
  }

  get size(): number {
    return this.#size ?? 0;
  }

  /** Opens the very file that was found: no link, no pipe, no other one that has taken its name. */
  open(): void {
    if (this.#descriptor !== null) return;
    const { path, identity, name } = this.file;
    try {
      this.#descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      // It is gone, or a link has taken its name: whoever looks again sees what there is now.
      if (['ENOENT', 'ELOOP'].includes(errorCode(error) ?? '')) throw new ContentChanged(name);
      throw error;
    }
    const stats = fstatSync(this.#descriptor, { bigint: true });
    this.#size ??= Number(stats.size);
    if (identityOf(stats) === identity && stats.isFile()) return;
    this.close();
    throw new ContentChanged(name);
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  /** Its content, of which each block is overwritten by the next one. */
  *blocks(): Generator<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, this.size));
    for (let position = 0; position < this.size; ) {
      const length = Math.min(BLOCK_BYTES, this.size - position);
      const read = readSync(this.#open(), buffer, 0, length, position);
      if (read === 0) throw new ContentChanged(this.file.name);
      position += read;
      this.#onRead(read);
      yield buffer.subarray(0, read);
    }
  }

  /** Throws `ContentChanged` if another file has taken its name. */
  mustBeNamed(): void {
    const stats = lstatSync(this.file.path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || identityOf(stats) !== this.file.identity) throw new ContentChanged(this.file.name);
  }

  #open(): number {
    if (this.#descriptor === null) throw new TypeError('It is not open.');
    return this.#descriptor;
  }
}
