import { Buffer, isUtf8 } from 'node:buffer';
import { isObject } from '../../claude/json-object.ts';
import { MAX_FILES, MAX_LINE_BYTES } from '../bundle/limits.ts';
import type { Loss } from '../bundle/manifest.ts';
import type { PathRewrite } from '../paths/path-rewrite.ts';
import type { SecretFiles } from '../secrets/files/secret-files.ts';
import type { Mask } from '../secrets/mask/mask.ts';
import { leaveMedia } from '../secrets/mask/media-blocks.ts';
import { backupNamesIn, FileBackups, removeUnsafeBackups } from './file-backups.ts';
import { FilteredBlock } from './filtered-block.ts';
import { countParts } from './json-structure.ts';
import { isLatin1, textOfLatin1 } from './latin1.ts';
import { Lineage } from './lineage.ts';
import { Links } from './links.ts';
import { type Shortened, shortenStrings } from './long-strings.ts';
import { LossCount, type LossKind } from './loss-count.ts';
import { type Change, changeBytes, changeValue } from './record-change.ts';
import { mendedLinks } from './record-links.ts';
import { isUuid, type JsonRecord, neverTravels, tamed, typedMeanwhile } from './record-rules.ts';
import { SessionIdChange } from './session-id-change.ts';
import { blockAt, isSigned, isThinkingAlone, thinkingIn } from './thinking.ts';
import { FactsOfRecords, type TranscriptFacts } from './transcript-facts.ts';
import { WaitingBytes } from './waiting-bytes.ts';

const [NUL, TAB, NEWLINE, CARRIAGE_RETURN, SPACE] = [0x00, 0x09, 0x0a, 0x0d, 0x20];
/** About how many bytes are filtered at once. */
const BLOCK_BYTES = 1024 * 1024;
/** A line of more bytes is counted before it is parsed: `{},` takes a hundred bytes of memory. */
const COUNTED_BYTES = 64 * 1024;
const MOST_PARTS = 400_000;
/** What is parsed of somebody else's line, its long strings left out: that takes ten times the memory. */
const MOST_PARSED_BYTES = 4 * 1024 * 1024;
const END_OF_LINE = Buffer.from('\n');
const STAYS = Symbol('as it is in the file');
/** Claude Code writes one in a record. Each is looked for in the whole line. */
const MOST_THINKING = 200;
/** Of how many different `cwd`s it is remembered whether they are in the session's directory. */
const MOST_CWDS = 1000;

type Outcome =
  | typeof STAYS
  | null
  | string
  | { readonly bytes: Buffer; readonly isFinished: boolean }
  | { readonly pieces: readonly Buffer[] };

/** A line of somebody else, as it was parsed. */
interface ForeignLine {
  readonly record: JsonRecord;
  /** What was parsed: with `short` without its long strings, which that restores. */
  readonly bytes: Buffer;
  readonly short: Shortened | null;
  readonly coding: 'latin1' | 'utf8';
  /** A string of the record as it was meant. */
  readonly asText: (text: string) => string;
  /** Whether it has long strings, parsed with them or without. */
  readonly isLong: boolean;
}

export interface FilterOptions {
  /**
   * True: the transcript may be somebody else's. Only what can do no harm is kept, and written anew. False:
   * it is one's own, so what is not known is kept, and so is a line that does not parse.
   */
  readonly strict: boolean;
  readonly keepThinking: boolean;
  readonly rewrite: PathRewrite | null;
  /** Replaces the session's id in its records. */
  readonly newSessionId: { readonly from: string; readonly to: string } | null;
  /**
   * If strict: the directory that the session belongs to, as its records have it. A `cwd` that would not be
   * in it here becomes it: a sender must not choose where Claude starts.
   */
  readonly directory?: string | null;
  /**
   * If strict: leaves out what shows files of secrets, and masks the values of `mask`, which is null where
   * they are not known yet. `directory` must be masked too.
   */
  readonly redaction?: { readonly mask: Mask | null; readonly files: SecretFiles };
  /** `report.links` of an earlier pass over the same bytes: see `FilterReport.needsAnotherPass`. */
  readonly links?: Links;
}

/** What a filter saw and did. Text is of the transcript, unchanged: make it printable. */
export interface FilterReport {
  /** Records that were kept. */
  readonly records: number;
  /** What was left out or changed, one entry a kind, for the loss manifest. */
  readonly left: readonly Loss[];
  /** Lines that don't parse: kept from oneself, else dropped. */
  readonly unparsed: number;
  readonly links: Links;
  /**
   * True if a record points at one behind it that was dropped: the link could not be mended. Or if what a
   * tool gave stands before its call, so that it was not known to show a file of secrets. A second pass with
   * `links` puts it right. Claude Code does not write such files.
   */
  readonly needsAnotherPass: boolean;
  /** Names of files of the history that changed, old to new (`<16 hex digits>@v1`). */
  readonly backups: ReadonlyMap<string, string>;
  /** If strict: the files of the history that kept records name; no other one travels. Else null. */
  readonly backupsKept: ReadonlySet<string> | null;
  readonly lineage: Lineage;
  readonly facts: TranscriptFacts;
}

/** Filters one transcript, a main one or that of a subagent: one filter a file. */
export class TranscriptFilter {
  readonly #options: FilterOptions;
  readonly #links = new Links();
  readonly #lineage: Lineage;
  readonly #losses = new LossCount();
  readonly #facts = new FactsOfRecords();
  readonly #backups: FileBackups;
  readonly #backupsKept = new Set<string>();
  readonly #sessionId: SessionIdChange | null;
  readonly #cwds = new Map<string, boolean>();
  #records = 0;
  /** Bytes that were not filtered yet. */
  readonly #waiting = new WaitingBytes();
  /** The rest of a line that is too long is passed over. */
  #isTooLong = false;

  constructor(options: FilterOptions) {
    this.#options = options;
    this.#lineage = new Lineage(this.#links);
    this.#backups = new FileBackups(options.rewrite, this.#facts.directories);
    this.#sessionId = options.newSessionId && new SessionIdChange(options.newSessionId);
  }

  /**
   * Takes the next bytes of the transcript, and gives what can be written so far: pieces that hold
   * only until more is pushed, and all of them must be taken before.
   */
  *push(bytes: Buffer): Generator<Buffer, void, void> {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) yield* this.#push(bytes.subarray(at, at + BLOCK_BYTES));
  }

  *#push(bytes: Buffer): Generator<Buffer, void, void> {
    let rest = bytes;
    if (this.#isTooLong) {
      const end = rest.indexOf(NEWLINE);
      if (end === -1) return;
      this.#isTooLong = false;
      rest = rest.subarray(end + 1);
    }
    this.#waiting.add(rest);
    if (this.#waiting.length < BLOCK_BYTES) return;
    if (this.#waiting.hasLines) yield* this.#filter(this.#waiting.takeLines());
    else if (this.#waiting.length > MAX_LINE_BYTES) {
      this.#losses.add('giant');
      this.#isTooLong = true;
      this.#waiting.clear();
    }
  }

  /** Ends it. A last line without an end is kept if it is whole, and dropped if it is not. */
  *end(): Generator<Buffer, void, void> {
    yield* this.#filter(this.#waiting.takeLines());
    this.#waiting.add(END_OF_LINE);
    const last = this.#waiting.takeLines();
    if (this.#isTooLong || isBlank(last, 0, last.length)) return;
    const short = shortenStrings(last, false)?.line ?? last;
    if (last.length > MAX_LINE_BYTES || parse(short.toString('latin1')) !== undefined) yield* this.#filter(last);
    else this.#losses.add('torn');
  }

  /** Gives its memory to the next filter: what it returned may not be used any more. */
  release(): void {
    this.#waiting.release();
  }

  /** After the end. */
  get report(): FilterReport {
    return {
      records: this.#records,
      left: this.#losses.losses(),
      unparsed: this.#losses.of('unparsed') + this.#losses.of('verbatim'),
      links: this.#links,
      needsAnotherPass:
        this.#options.links === undefined &&
        (this.#links.droppedLate > 0 || this.#options.redaction?.files.needsAnotherPass === true),
      backups: this.#backups.names,
      backupsKept: this.#options.strict ? this.#backupsKept : null,
      lineage: this.#lineage,
      facts: this.#facts.facts(),
    };
  }

  /** Filters whole lines. */
  *#filter(lines: Buffer): Generator<Buffer, void, void> {
    const block = new FilteredBlock((each) => this.#finishApart(each));
    let start = 0;
    /** Where the lines begin that stay as they are. */
    let staying = 0;
    for (let end = lines.indexOf(NEWLINE); end !== -1; end = lines.indexOf(NEWLINE, start)) {
      const line = this.#line(lines, start, end);
      if (line !== STAYS) {
        if (start > staying) block.addLines(lines.subarray(staying, start));
        if (typeof line === 'string') block.addText(line);
        else if (line !== null && 'pieces' in line) block.addPieces(line.pieces);
        else if (line?.isFinished) block.addFinished(line.bytes);
        else if (line !== null) block.addLine(line.bytes);
        staying = end + 1;
      }
      start = end + 1;
    }
    if (start > staying) block.addLines(lines.subarray(staying, start));
    yield* block.take();
  }

  /** What becomes of a line: it stays, goes (null), or is another one, of which a text is latin1. */
  #line(lines: Buffer, start: number, end: number): Outcome {
    let from = start;
    // A crash of the system leaves these in a file. Claude Code skips them.
    while (lines[from] === NUL) from += 1;
    if (isBlank(lines, from, end)) return null;
    const bytes = lines.subarray(from, end);
    if (bytes.length > COUNTED_BYTES && isTooLarge(bytes)) {
      this.#losses.add('giant');
      return null;
    }
    return this.#options.strict ? this.#foreign(bytes) : this.#own(bytes, from > start);
  }

  /** One's own record: changed on its bytes, or not at all. */
  #own(bytes: Buffer, isShortened: boolean): Outcome {
    const { record, short } = parseOwn(bytes);
    if (!isObject(record)) {
      this.#losses.add('verbatim');
      return { bytes, isFinished: true };
    }
    const reason = neverTravels(record);
    if (reason !== null) return this.#drop(record, reason);
    this.#noteSaid(record);
    const thinking = this.#options.keepThinking ? [] : thinkingIn(record);
    if (thinking.length > 0 && isThinkingAlone(record)) return this.#drop(record, 'thinking', thinking.length);
    const changes = this.#changes(record, thinking, textOfLatin1);
    this.#keep(record, changes, textOfLatin1);
    const fixed = this.#fixedThinking(record, 'latin1');
    if (fixed.length > 0) {
      return { bytes: changeBytes(bytes, [...changes, ...fixed], (piece) => this.#finish(piece)), isFinished: true };
    }
    const restored =
      short?.restore(changes.length === 0 ? short.line : changeBytes(short.line, changes, asItIs)) ?? null;
    if (restored !== null) return { pieces: restored };
    if (changes.length === 0) return isShortened ? { bytes, isFinished: false } : STAYS;
    return { bytes: changeBytes(bytes, changes, asItIs), isFinished: false };
  }

  /** Somebody else's record: tamed, and written anew, so that every reader sees the same in it. */
  #foreign(line: Buffer): Outcome {
    const { mask = null } = this.#options.redaction ?? {};
    const masking = mask?.holds(line) === true ? mask : null;
    const read = this.#readForeign(line, masking);
    const record = read === null ? null : this.#tamed(read.record);
    if (read === null || record === null) return null;
    const { bytes, coding, asText, short, isLong } = read;
    this.#noteSaid(record);
    const secret = masking === null ? [] : this.#mask(record, masking, coding, short);
    if (secret === null || masking?.mustGo(line)) return this.#drop(record, 'unmaskable');
    this.#stayInside(record, asText);
    const blocks = thinkingIn(record);
    const isDropped = isLong || blocks.length > MOST_THINKING;
    const goes = (index: number) =>
      isDropped || secret.includes(index) || !this.#isIntact(record, index, bytes, coding);
    const thinking = blocks.filter(goes);
    const why = secret.length > 0 ? 'secretThinking' : 'thinking';
    if (thinking.length > 0 && isThinkingAlone(record)) return this.#drop(record, why, thinking.length);
    changeValue(record, this.#changes(record, thinking, asText, why));
    this.#cutCircle(record);
    const text = stringify(record);
    if (text === null || text.includes('"__proto__":')) return this.#drop(record, 'invalid');
    // As latin1 it would lose half of these, and `\u0122` end a string. None can be left, see hasOddEscape.
    if (coding === 'latin1' && !isLatin1(text)) return this.#drop(record, 'invalid');
    if (masking?.holds(Buffer.from(text, coding)) === true) return this.#drop(record, 'unmaskable');
    this.#keep(record, [], asText);
    if (short !== null) {
      const restored = short.restore(Buffer.from(text, coding));
      return restored === null ? this.#drop(record, 'invalid') : { pieces: restored };
    }
    const fixed = this.#fixedThinking(record, coding);
    if (fixed.length === 0) return coding === 'latin1' ? text : { bytes: Buffer.from(text), isFinished: false };
    return {
      bytes: changeBytes(Buffer.from(text, coding), fixed, (piece) => this.#finish(piece)),
      isFinished: true,
    };
  }

  /** Parses somebody else's line, in a coding in which little of it is copied. Null if it is no record. */
  #readForeign(line: Buffer, masking: Mask | null): ForeignLine | null {
    const shortened = shortenStrings(line, true, masking === null ? asItIs : (string) => masking.inString(string));
    if ((shortened?.line ?? line).length > MOST_PARSED_BYTES) {
      this.#losses.add('giant');
      return null;
    }
    // What has lines taken out of it must be seen as a whole.
    const isWhole = shortened !== null && this.#options.redaction?.files.mayConcern(line) === true;
    const short = isWhole ? null : shortened;
    const bytes = short?.line ?? line;
    const latin1 = bytes.toString('latin1');
    const isPlain = isUtf8(bytes) && !hasOddEscape(latin1);
    const record = parse(isPlain ? latin1 : bytes.toString('utf8'));
    if (!isObject(record)) {
      this.#losses.add('unparsed');
      return null;
    }
    const isLong = shortened !== null;
    return isPlain
      ? { record, bytes, coding: 'latin1', asText: textOfLatin1, short, isLong }
      : { record, bytes, coding: 'utf8', asText: unchanged, short, isLong };
  }

  /** What is taken of somebody else's record, as a copy that may be changed. Null if nothing is. */
  #tamed(parsed: JsonRecord): JsonRecord | null {
    const source = typedMeanwhile(parsed) ?? parsed;
    const record = neverTravels(source) ?? tamed(source);
    if (typeof record === 'string') return this.#drop(source, record);
    const backups = removeUnsafeBackups(record);
    if (backups !== 0) this.#losses.add('backup', backups ?? 1);
    if (backups === null) return null;
    const { files = null } = this.#options.redaction ?? {};
    const omitted = files === null ? 0 : files.omitFrom(record);
    if (omitted !== 0) this.#losses.add('secretFile', omitted ?? 1);
    if (omitted === null) return null;
    for (const name of backupNamesIn(record)) {
      if (this.#backupsKept.size < MAX_FILES) this.#backupsKept.add(name);
    }
    return record;
  }

  /**
   * Masks a record. Returns where thinking is that holds a secret: it is signed, so it can only go. Null if
   * the record is nested too deeply.
   */
  #mask(record: JsonRecord, mask: Mask, coding: 'latin1' | 'utf8', short: Shortened | null): number[] | null {
    const holdsSecret = (block: unknown) => {
      const json = stringify(block) ?? '';
      return short?.holdsChanged(json) === true || mask.holds(Buffer.from(json, coding));
    };
    this.#losses.add('secretMedia', leaveMedia(record, holdsSecret));
    const thinking = thinkingIn(record).filter((index) => holdsSecret(blockAt(record, index)));
    try {
      mask.inRecord(record, coding);
    } catch {
      return null;
    }
    return thinking;
  }

  #changes(
    record: JsonRecord,
    thinking: readonly number[],
    asText: (text: string) => string,
    why: LossKind = 'thinking',
  ): Change[] {
    if (thinking.length > 0) this.#losses.add(why, thinking.length);
    const removed = thinking
      .toReversed()
      .map((index): Change => ({ path: ['message', 'content', index], kind: 'remove' }));
    const links = mendedLinks(record, this.#options.links ?? this.#links);
    return [...links, ...this.#backups.changes(record, asText), ...removed];
  }

  #keep(record: JsonRecord, changes: readonly Change[], asText: (text: string) => string): void {
    this.#records += 1;
    this.#facts.note(record, asText);
    const { uuid, type, subtype } = record;
    const linkOf = (key: string) => {
      const change = changes.find(({ path }) => path.length === 1 && path[0] === key);
      const link = change === undefined ? record[key] : change.to;
      return isUuid(link) ? link : null;
    };
    if (isUuid(uuid)) this.#links.keep(uuid, linkOf('parentUuid') ?? linkOf('logicalParentUuid'));
    if (type === 'system' && subtype === 'compact_boundary') this.#lineage.compact(linkOf('logicalParentUuid'));
  }

  #drop(record: JsonRecord, reason: LossKind, count = 1): null {
    this.#losses.add(reason, count);
    const { uuid, parentUuid, logicalParentUuid } = record;
    if (!isUuid(uuid)) return null;
    const parent = isUuid(parentUuid) ? parentUuid : isUuid(logicalParentUuid) ? logicalParentUuid : null;
    const isCircle = parent !== null && this.#links.closesCircle(uuid, parent);
    this.#links.drop(uuid, isCircle || this.#holdsSecret(parent) ? null : parent);
    return null;
  }

  /** Whether a link holds a secret: what goes for it must not give it to those that link to it. */
  #holdsSecret(link: string | null): boolean {
    const mask = this.#options.redaction?.mask ?? null;
    if (mask === null || link === null) return false;
    // Whether it was decoded as latin1 is not known here.
    return mask.holds(Buffer.from(link)) || mask.holds(Buffer.from(link, 'latin1'));
  }

  /** Notes what counts for the lineage, before anything is changed that is not changed on every way. */
  #noteSaid(record: JsonRecord): void {
    const { uuid, type } = record;
    const isMessage = type === 'user' || type === 'assistant';
    const isSaid = isMessage ? !isThinkingAlone(record) : type === 'attachment' && typedMeanwhile(record) !== null;
    if (isSaid && isUuid(uuid)) this.#lineage.say(uuid);
  }

  /** Whether thinking may stay: it is wanted, signed, and written as it will be written. */
  #isIntact(record: JsonRecord, index: number, bytes: Buffer, coding: 'latin1' | 'utf8'): boolean {
    const block = blockAt(record, index);
    const text = this.#options.keepThinking && isSigned(block) ? stringify(block) : null;
    return text !== null && bytes.includes(Buffer.from(text, coding));
  }

  /** The thinking in a record that rewriting would change: it is signed, so it must not be. */
  #fixedThinking(record: JsonRecord, coding: 'latin1' | 'utf8'): Change[] {
    const { rewrite, keepThinking } = this.#options;
    if (rewrite === null || !keepThinking) return [];
    const fixed = thinkingIn(record).filter((index) => {
      const block = Buffer.from(stringify(blockAt(record, index)) ?? '', coding);
      return rewrite.inJson(block) !== block;
    });
    if (fixed.length > 0) this.#losses.add('oldPaths', fixed.length);
    return fixed.map((index) => ({ path: ['message', 'content', index], kind: 'keep' }));
  }

  #stayInside(record: JsonRecord, asText: (text: string) => string): void {
    const { directory } = this.#options;
    const { cwd } = record;
    if (directory === undefined || directory === null || typeof cwd !== 'string') return;
    if (this.#staysInside(asText(cwd), directory)) return;
    // As it would be written in the text of which the record was parsed.
    record['cwd'] = asText === textOfLatin1 ? Buffer.from(directory).toString('latin1') : directory;
  }

  /** What a path is rewritten to counts: a home in the directory has its place elsewhere here. */
  #staysInside(path: string, directory: string): boolean {
    const hereOf = (each: string) => this.#options.rewrite?.inPath(each) ?? each;
    let isInside = this.#cwds.get(path);
    if (isInside === undefined) {
      isInside = isBelow(hereOf(path), hereOf(directory));
      if (this.#cwds.size < MOST_CWDS) this.#cwds.set(path, isInside);
    }
    return isInside;
  }

  #cutCircle(record: JsonRecord): void {
    const { uuid, parentUuid } = record;
    if (!isUuid(uuid) || !isUuid(parentUuid) || !this.#links.closesCircle(uuid, parentUuid)) return;
    this.#losses.add('circle');
    record['parentUuid'] = null;
  }

  #finishApart(lines: Buffer): readonly Buffer[] {
    const rewritten = this.#options.rewrite?.inJsonApart(lines) ?? [lines];
    const id = this.#sessionId;
    return id === null ? rewritten : rewritten.map((piece) => id.replaceIn(piece));
  }

  #finish(lines: Buffer): Buffer {
    const rewritten = this.#options.rewrite?.inJson(lines) ?? lines;
    return this.#sessionId === null ? rewritten : this.#sessionId.replaceIn(rewritten);
  }
}

/**
 * A transcript as `filter` lets it through, in blocks of about a megabyte, each of which holds only until the
 * next one is asked for. Throws `refused` where it is over the limits.
 */
export async function* filterTranscript(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  filter: TranscriptFilter,
): AsyncGenerator<Buffer> {
  try {
    for await (const bytes of source) yield* filter.push(bytes);
    yield* filter.end();
  } finally {
    filter.release();
  }
}

/** One's own record, and the line that it was parsed from if that is not `bytes`. */
function parseOwn(bytes: Buffer): { readonly record: unknown; readonly short: Shortened | null } {
  const short = shortenStrings(bytes, false);
  const record = short === null ? undefined : parse(short.line.toString('latin1'));
  // Thinking is compared, so it must be whole.
  if (isObject(record) && thinkingIn(record).length === 0) return { record, short };
  return { record: parse(bytes.toString('latin1')), short: null };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Null for what is nested too deeply. */
function stringify(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}

/** Whether something is escaped in `json` that Claude Code does not escape. */
const hasOddEscape = (json: string) => json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?!00[01])/.test(json);

const asItIs = (bytes: Buffer) => bytes;

const unchanged = (text: string) => text;

const isTooLarge = (line: Buffer) => line.length > MAX_LINE_BYTES || countParts(line, MOST_PARTS) >= MOST_PARTS;

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== CARRIAGE_RETURN && byte !== TAB && byte !== NEWLINE) return false;
  }
  return true;
}

/** Whether a path is a directory or below it, and goes up nowhere. */
function isBelow(path: string, directory: string): boolean {
  if (path.split(/[\\/]/).includes('..')) return false;
  return path === directory || ['/', '\\'].some((separator) => path.startsWith(`${directory}${separator}`));
}
