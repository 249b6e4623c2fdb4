import { createHash } from 'node:crypto';
import { parseObject } from '../../claude/json-object.ts';
import type { SessionFile } from '../../claude/session-contents.ts';
import { fileFailure } from '../../files/file-failure.ts';
import type { Spool } from '../../files/spool.ts';
import { ContentChanged } from '../bundle/bundle-writer.ts';
import { MAX_JSON_BYTES } from '../bundle/limits.ts';
import type { Loss } from '../bundle/manifest.ts';
import { lossOfFile } from '../harmful-kinds.ts';
import { rewriteJson } from '../rewrite-json.ts';
import type { Mask } from '../secrets/mask/mask.ts';
import type { TranscriptFacts } from '../transcript/transcript-facts.ts';
import { type FilterOptions, filterTranscript, TranscriptFilter } from '../transcript/transcript-filter.ts';
import { DepartingSource } from './departing-source.ts';

/** A file that was read once, and what it will be in the bundle. */
export interface Departure {
  readonly file: DepartingFile;
  /** Of what will leave. */
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly left: readonly Loss[];
  /** Only of a transcript, as its `FilterReport` has them. */
  readonly facts: TranscriptFacts | null;
  readonly backupsKept: ReadonlySet<string> | null;
  /**
   * Reads it again, in blocks, each of which holds only until the next one is asked for. Throws
   * `ContentChanged` if it can't be the same.
   */
  content(): AsyncIterable<Buffer>;
  close(): void;
}

type DepartingFile = Pick<SessionFile, 'kind' | 'name'>;

/** What becomes of a file as it leaves. */
export type Departing = Pick<FilterOptions, 'strict' | 'keepThinking' | 'directory' | 'links' | 'redaction'>;

/**
 * Reads a file of a session once, as it will leave. `onRead` is told of bytes as they are read, both times.
 * With a spool it is kept there, and never read again. A loss is what can't leave, where the session can do
 * without it.
 *
 * Throws `ContentChanged` if it is another file by now, and `refused` if the transcript can't be read, or the
 * spool not be written.
 */
export async function departureOf(
  file: SessionFile,
  departing: Departing,
  onRead: (bytes: number) => void,
  spool: Spool | null = null,
): Promise<Departure | Loss> {
  const loss = departing.strict ? lossOfFile(file) : null;
  if (loss !== null) return loss;
  const isTranscript = file.kind === 'transcript';
  const source = new DepartingSource(file, onRead);
  try {
    source.open();
  } catch (error) {
    if (isTranscript || error instanceof ContentChanged) throw fileFailure('read', file.path, error);
    return { what: file.name, why: "can't be read" };
  }
  let staysOpen = false;
  try {
    const departure = await measured(source, departing, spool);
    source.mustBeNamed();
    // Thousands of files can't stay open. The transcript does: it may be replaced by a compacted one.
    staysOpen = isTranscript && spool === null;
    return departure;
  } finally {
    if (!staysOpen) source.close();
  }
}

/** Where the bytes of a file come from, each time anew. */
export interface Source {
  readonly file: DepartingFile;
  readonly size: number;
  blocks(): Iterable<Buffer> | AsyncIterable<Buffer>;
  open(): void;
  close(): void;
}

/** A file as it leaves. Throws what reading it throws. */
export async function measured(source: Source, departing: Departing, spool: Spool | null): Promise<Departure | Loss> {
  switch (source.file.kind) {
    case 'transcript':
    case 'subagent':
      return measuredTranscript(source, departing, spool);
    case 'subagent facts':
    case 'title':
    case 'task':
      return measuredJson(source, departing, spool);
    case 'tool result':
      return measuredOutput(source, departing, spool);
    default:
      return measuredAs(source, () => source.blocks(), spool);
  }
}

async function measuredTranscript(source: Source, departing: Departing, spool: Spool | null): Promise<Departure> {
  const start = spool?.length ?? 0;
  let last = new TranscriptFilter({ ...departing, ...NOTHING_MOVES });
  const departure = await measuredAs(
    source,
    () => {
      last = new TranscriptFilter({ ...departing, ...NOTHING_MOVES });
      return filterTranscript(source.blocks(), last);
    },
    spool,
  );
  const { needsAnotherPass, links, left, facts, backupsKept } = last.report;
  if (needsAnotherPass && departing.links === undefined) {
    await spool?.cut(start);
    return measuredTranscript(source, { ...departing, links }, spool);
  }
  return source.file.kind === 'transcript' ? { ...departure, left, facts, backupsKept } : { ...departure, left };
}

async function measuredOutput(source: Source, departing: Departing, spool: Spool | null): Promise<Departure> {
  const { redaction } = departing;
  let isChanged = false;
  const note = () => {
    isChanged = true;
  };
  const read = () => redaction?.files.ordinaryLines(source.blocks(), note) ?? source.blocks();
  const departure = await measuredAs(source, read, spool);
  return isChanged ? { ...departure, left: [{ what: 'lines', why: 'they show files like .env' }] } : departure;
}

async function measuredJson(
  source: Source,
  { strict, redaction }: Departing,
  spool: Spool | null,
): Promise<Departure | Loss> {
  const { name } = source.file;
  if (source.size > MAX_JSON_BYTES) return { what: name, why: 'is too large' };
  const read = async () => {
    const pieces: Buffer[] = [];
    for await (const block of source.blocks()) pieces.push(Buffer.from(block));
    const json = rewriteJson(Buffer.concat(pieces), { strict, ...NOTHING_MOVES });
    return json === null ? null : maskedJson(json, redaction?.mask ?? null);
  };
  if ((await read()) === null) return { what: name, why: 'holds no JSON object' };
  async function* json() {
    yield (await read()) ?? Buffer.alloc(0);
  }
  return measuredAs(source, json, spool);
}

function maskedJson(json: Buffer, mask: Mask | null): Buffer | null {
  const value = mask === null ? null : parseObject(json.toString());
  if (mask === null || value === null) return json;
  try {
    mask.inRecord(value);
    return Buffer.from(JSON.stringify(value));
  } catch {
    return null; // nested too deeply
  }
}

/** Paths and ids change where a session arrives, not where it leaves. */
export const NOTHING_MOVES = { rewrite: null, newSessionId: null };

/** What `read` gives, which is called again for the content, unless that is kept in a spool. */
export async function measuredAs(
  source: Source,
  read: () => AsyncIterable<Buffer> | Iterable<Buffer>,
  spool: Spool | null,
): Promise<Departure> {
  const { file } = source;
  const hash = createHash('sha256');
  const start = spool?.length ?? 0;
  let bytes = 0;
  for await (const block of read()) {
    hash.update(block);
    bytes += block.length;
    await spool?.append(block);
  }
  async function* again() {
    source.open();
    try {
      yield* read();
    } finally {
      if (file.kind !== 'transcript') source.close();
    }
  }
  return {
    file,
    bytes,
    sha256: hash.digest('hex'),
    left: [],
    facts: null,
    backupsKept: null,
    content: () => spool?.read(start, bytes) ?? again(),
    close: () => source.close(),
  };
}
