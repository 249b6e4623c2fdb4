import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { withLock } from '../files/lock.ts';
import { readSmallFile } from '../files/regular-file.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { hasProcessEnded, markOfThisProcess, type ProcessMark, parseProcessMark } from '../running-process.ts';
import type { Payload } from './payload.ts';
import { expiresAt, type SignedRecord } from './record.ts';

/** What became of a handoff on this machine. */
type Fate = 'taken' | 'burnt' | 'revoked';

/** A handoff that this machine took, burnt or revoked. */
interface SpentHandoff {
  /** The record's signature in base64: it names this handoff, whatever is published under the key later. */
  readonly signature: string;
  readonly fate: Fate;
  /** When the record ends, in Unix seconds. From then on nobody can pick it up, and it is forgotten here. */
  readonly until: number;
}

/** A handoff that a packet ends. */
export interface Ending {
  readonly record: SignedRecord;
  readonly fate: Exclude<Fate, 'taken'>;
}

/**
 * A burn handoff that somebody here said yes to, opened: it is written down before it is burnt, and kept
 * until it is handed over. So whatever ends the process in between, the next one can go on with it.
 */
export interface Claim {
  /** The record's text. */
  readonly record: string;
  readonly payload: Payload;
  /** The `seq` (microseconds) of each packet that was sent from here to burn it. */
  readonly seqs: readonly number[];
  /** When the record ends, in Unix seconds; the claim is forgotten then. */
  readonly until: number;
  /** The process that works on it, or did. */
  readonly holder: ProcessMark;
  /** When that process began to, in Unix milliseconds. */
  readonly sinceMs: number;
}

/** What this machine remembers of one address: a public key under which handoffs are published. */
export interface Memory {
  /** The highest `seq` (microseconds) that was published from here; 0 if none. */
  readonly seq: number;
  /** False if the packet of that `seq` is not known to have reached enough nodes: it was about to be sent. */
  readonly placed: boolean;
  /** The handoff that the packet of that `seq` burns or revokes, until it has reached enough nodes. */
  readonly ending: SpentHandoff | null;
  /** True if the last thing done from here was to burn or revoke the handoff. */
  readonly revoked: boolean;
  /** The highest `seq` (microseconds) whose handoff was picked up here; 0 if none. */
  readonly seen: number;
  readonly spent: readonly SpentHandoff[];
  /** The handoff that was to be burnt and has not been handed over. */
  readonly claim: Claim | null;
}

const NOTHING: Memory = { seq: 0, placed: true, ending: null, revoked: false, seen: 0, spent: [], claim: null };

/** Only the latest entries are kept, so that the file stays below the size that is read. */
const MAX_SPENT = 4000;
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * What this machine remembers of the addresses that it published under and picked up from: one file for each,
 * below the state folder. Two processes at once lose nothing, since every change is made under a lock.
 */
export class History {
  private readonly folder: string;
  /** Where versions before this one kept `{ seq, revoked, placed }`. Their files stay, for those versions. */
  private readonly oldFolder: string;
  private readonly onLoss: (path: string) => void;
  private readonly now: () => number;
  private readonly reported = new Set<string>();

  /**
   * `onLoss` is told once of a file that is damaged or can't be read, under the name that it has then. `now`
   * is the clock, in Unix milliseconds.
   */
  constructor(
    stateFolder: string,
    { onLoss = () => {}, now = Date.now }: { onLoss?: (path: string) => void; now?: () => number } = {},
  ) {
    this.folder = join(stateFolder, 'history');
    this.oldFolder = join(stateFolder, 'published');
    this.onLoss = onLoss;
    this.now = now;
  }

  /** What is remembered of a key (32 bytes). Never rejects: a missing or damaged file is an empty memory. */
  async read(publicKey: Uint8Array): Promise<Memory> {
    const path = this.fileOf(publicKey);
    const stored = storedIfReadable(path);
    if (stored === 'missing') return this.carriedOver(publicKey);
    if (stored !== 'damaged') return this.withoutForgotten(stored);
    try {
      // Only under the lock is it certain that nobody replaces the damaged file meanwhile.
      return await withLock(lockOf(path), () => this.current(publicKey), { patienceMs: 0 });
    } catch {
      const again = storedIfReadable(path);
      return typeof again === 'string' ? this.lost(publicKey, path) : again;
    }
  }

  /**
   * Picks the `seq` (microseconds) of the next packet: `choose` is given the highest that was published from
   * here. `ending` is what the packet burns or revokes.
   *
   * It is on disk before it is returned, so that neither a crash, nor a clock set back, nor another process
   * makes this machine use it again. Throws `refused` if it can't be written down.
   */
  async reserve(
    publicKey: Uint8Array,
    choose: (highest: number) => number,
    ending: Ending | null = null,
  ): Promise<number> {
    const next = ending && spentBy(ending.record, ending.fate);
    const { seq } = await this.change(publicKey, (memory) => {
      const before = memory.ending;
      // What an earlier packet was to end must not come back once there is a newer one. A second try to end
      // the same handoff may fail too, and then it can still be picked up.
      const isOver = before !== null && before.signature !== next?.signature;
      const spent = isOver ? withSpent(memory.spent, before) : memory.spent;
      const seq = choose(memory.seq);
      const claim = isClaimOn(memory, ending?.record)
        ? { ...memory.claim, seqs: [...memory.claim.seqs, seq] }
        : memory.claim;
      return { ...memory, seq, placed: false, ending: next, spent, claim };
    });
    return seq;
  }

  /**
   * Notes that the packet of a `seq` reached enough nodes, whether it left no handoff behind, and what it
   * burnt or revoked.
   */
  async notePlaced(
    publicKey: Uint8Array,
    seq: number,
    { revoked, ended = null }: { readonly revoked?: boolean; readonly ended?: Ending | null } = {},
  ): Promise<void> {
    await this.changeIfPossible(publicKey, (memory) => {
      const next = ended === null ? memory : withEnded(memory, ended);
      // Another process may have published since: what it remembers stays.
      if (memory.seq !== seq) return next;
      const spent = next.ending === null ? next.spent : withSpent(next.spent, next.ending);
      return { ...next, placed: true, ending: null, revoked: revoked ?? memory.revoked, spent };
    });
  }

  /** Notes that a handoff has ended, by whomever. */
  async noteEnded(ended: Ending): Promise<void> {
    await this.changeIfPossible(ended.record.publicKey, (memory) => withEnded(memory, ended));
  }

  /**
   * Claims a handoff that is about to be burnt, for this process. It is on disk before this returns.
   *
   * Throws `refused` if another process on this machine works on it or has burnt it, and if it can't be
   * written down.
   */
  async claim(record: SignedRecord, payload: Payload): Promise<Claim> {
    const holder = markOfThisProcess();
    const { claim } = await this.change(record.publicKey, (memory) => {
      const earlier = isClaimOn(memory, record) ? memory.claim : null;
      if (earlier === null ? hasEnded(memory, record) : !this.isLeft(earlier)) throw takenByAnother();
      const sinceMs = this.now();
      const seqs = earlier?.seqs ?? [];
      return { ...memory, claim: { record: record.text, payload, seqs, until: untilOf(record), holder, sinceMs } };
    });
    if (claim === null) throw new Error('a handoff that has ended was claimed');
    return claim;
  }

  /** True if nobody else works on a claim any more: the process that did has ended, or is this one. */
  isLeft({ holder, sinceMs }: Claim): boolean {
    const isOwn = JSON.stringify(holder) === JSON.stringify(markOfThisProcess());
    return isOwn || hasProcessEnded(holder, this.now() - sinceMs);
  }

  /** Drops the claim on a handoff: it was handed over, or can't be. */
  async dropClaim({ publicKey, text }: Pick<SignedRecord, 'publicKey' | 'text'>): Promise<void> {
    await this.changeIfPossible(publicKey, (memory) =>
      memory.claim?.record === text ? { ...memory, claim: null } : memory,
    );
  }

  /** Notes that a handoff was picked up here, from the packet of a `seq` (microseconds). */
  async noteTaken(record: SignedRecord, seq: number): Promise<void> {
    await this.changeIfPossible(record.publicKey, (memory) => ({
      ...memory,
      seen: Math.max(memory.seen, seq),
      spent: hasEnded(memory, record) ? memory.spent : withSpent(memory.spent, spentBy(record, 'taken')),
    }));
  }

  /**
   * For what has been done and can't be undone: a disk that fails now must not make it look as if it had
   * failed.
   */
  private async changeIfPossible(publicKey: Uint8Array, change: (memory: Memory) => Memory): Promise<void> {
    try {
      await this.change(publicKey, change);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }

  private async change(publicKey: Uint8Array, change: (memory: Memory) => Memory): Promise<Memory> {
    const path = this.fileOf(publicKey);
    makePrivateFolder(this.folder);
    return withLock(lockOf(path), () => {
      const before = this.current(publicKey);
      const changed = change(before);
      if (changed === before) return before;
      const memory = this.withoutForgotten(changed);
      writeAtomically(path, Buffer.from(JSON.stringify(memory)));
      return memory;
    });
  }

  /** A memory without the handoffs that nobody can pick up any more. */
  private withoutForgotten(memory: Memory): Memory {
    const nowSeconds = this.now() / 1000;
    const spent = memory.spent.filter(({ until }) => until > nowSeconds).slice(0, MAX_SPENT);
    const claim = (memory.claim?.until ?? 0) > nowSeconds ? memory.claim : null;
    return { ...memory, spent, claim };
  }

  /**
   * The memory of a key, for the holder of the lock. A damaged file gets another name, so that this is said
   * once.
   *
   * Throws `refused` for a file that can't be read or moved: it may be whole, and must not be replaced.
   */
  private current(publicKey: Uint8Array): Memory {
    const path = this.fileOf(publicKey);
    const stored = storedAt(path);
    if (stored === 'missing') return this.carriedOver(publicKey);
    if (stored !== 'damaged') return stored;
    const aside = `${path}.damaged`;
    try {
      renameSync(path, aside);
    } catch (error) {
      throw fileFailure('write', aside, error);
    }
    return this.lost(publicKey, aside);
  }

  /** Says, once, that a file is lost. The `seq` of the newest packet on the network is the floor then. */
  private lost(publicKey: Uint8Array, path: string): Memory {
    const name = encodePublicKey(publicKey);
    if (!this.reported.has(name)) this.onLoss(path);
    this.reported.add(name);
    return this.carriedOver(publicKey);
  }

  /** The memory that a version before this one kept. */
  private carriedOver(publicKey: Uint8Array): Memory {
    const stored = storedIfReadable(join(this.oldFolder, `${encodePublicKey(publicKey)}.json`));
    return typeof stored === 'string' ? NOTHING : stored;
  }

  private fileOf(publicKey: Uint8Array): string {
    return join(this.folder, `${encodePublicKey(publicKey)}.json`);
  }
}

/** True if this machine burnt or revoked this very handoff, by what it remembers of its key. */
export function hasEnded(memory: Memory, record: SignedRecord): boolean {
  const signature = signatureOf(record);
  return memory.spent.some((spent) => spent.signature === signature && spent.fate !== 'taken');
}

/** True if a revocation of this very handoff was begun here, and has not reached enough nodes. */
export function isHalfRevoked({ ending }: Memory, record: SignedRecord): boolean {
  return ending?.fate === 'revoked' && ending.signature === signatureOf(record);
}

const lockOf = (path: string) => `${path}.lock`;

const signatureOf = ({ signature }: SignedRecord) => Buffer.from(signature).toString('base64');

const untilOf = (record: SignedRecord) => Number(expiresAt(record));

const spentBy = (record: SignedRecord, fate: Fate): SpentHandoff => ({
  signature: signatureOf(record),
  fate,
  until: untilOf(record),
});

const withSpent = (spent: readonly SpentHandoff[], added: SpentHandoff) => [
  added,
  ...spent.filter(({ signature }) => signature !== added.signature),
];

/** A memory in which a handoff has ended. What was revoked can't be handed over any more. */
function withEnded(memory: Memory, { record, fate }: Ending): Memory {
  const ended = spentBy(record, fate);
  const ending = memory.ending?.signature === ended.signature ? null : memory.ending;
  const claim = fate === 'revoked' && isClaimOn(memory, record) ? null : memory.claim;
  return { ...memory, ending, claim, spent: withSpent(memory.spent, ended) };
}

function isClaimOn(memory: Memory, record: SignedRecord | undefined): memory is Memory & { readonly claim: Claim } {
  return record !== undefined && memory.claim?.record === record.text;
}

function takenByAnother(): Failure {
  return new Failure(
    'refused',
    'Another cclink on this machine has picked this handoff up; nothing was handed over here.',
    'Go on where that one runs. If it was ended before it got there: cclink pickup',
  );
}

/** `storedAt` without failures: a file that can't be read tells as little as a damaged one. */
function storedIfReadable(path: string): Memory | 'missing' | 'damaged' {
  try {
    return storedAt(path);
  } catch {
    return 'damaged';
  }
}

/**
 * What a file of ours, or of an earlier version, holds. Throws `refused` if the system won't let us read it.
 */
function storedAt(path: string): Memory | 'missing' | 'damaged' {
  try {
    const content = readSmallFile(path, MAX_FILE_BYTES);
    return (typeof content === 'string' ? null : parseMemory(content.toString())) ?? 'damaged';
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return 'missing';
    throw fileFailure('read', path, error);
  }
}

function parseMemory(text: string): Memory | null {
  try {
    const { seq, placed, ending = null, revoked, seen = 0, spent = [], claim = null } = JSON.parse(text);
    if (![seq, seen].every((number) => Number.isSafeInteger(number) && number >= 0)) return null;
    if (!Array.isArray(spent)) return null;
    return {
      seq,
      placed: placed !== false,
      ending: isSpent(ending) ? ending : null,
      revoked: revoked === true,
      seen,
      // A later version may know more fates.
      spent: spent.filter(isSpent),
      claim: parseClaim(claim),
    };
  } catch {
    return null;
  }
}

function isSpent(value: unknown): value is SpentHandoff {
  if (typeof value !== 'object' || value === null) return false;
  const { signature, fate, until } = value as Record<string, unknown>;
  return (
    typeof signature === 'string' &&
    typeof until === 'number' &&
    (fate === 'taken' || fate === 'burnt' || fate === 'revoked')
  );
}

function parseClaim(value: unknown): Claim | null {
  if (typeof value !== 'object' || value === null) return null;
  const { record, payload, seqs, until, holder, sinceMs } = value as Record<string, unknown>;
  if (typeof payload !== 'object' || payload === null) return null;
  const { host, project, session } = payload as Record<string, unknown>;
  const mark = parseProcessMark(holder);
  if (typeof host !== 'string' || typeof project !== 'string' || typeof session !== 'string') return null;
  if (typeof record !== 'string' || typeof until !== 'number' || typeof sinceMs !== 'number' || mark === null) {
    return null;
  }
  if (!Array.isArray(seqs) || !seqs.every(Number.isSafeInteger)) return null;
  return { record, payload: { host, project, session }, seqs, until, holder: mark, sinceMs };
}
