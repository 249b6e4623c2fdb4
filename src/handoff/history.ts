import { lstatSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { withLock } from '../files/lock.ts';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { expiresAt, type SignedRecord } from './record.ts';

/** What became of a handoff on this machine. */
export type Fate = 'taken' | 'burnt' | 'revoked';

/** A handoff that this machine took, burnt or revoked. */
interface SpentHandoff {
  /** The record's signature in base64: it names this handoff, whatever is published under the key later. */
  readonly signature: string;
  readonly fate: Fate;
  /**
   * When the record ends, in Unix seconds: from then on nobody can pick it up anyway, and it is forgotten
   * here.
   */
  readonly until: number;
}

/** What this machine remembers of one address: a public key under which handoffs are published. */
export interface Memory {
  /** The highest `seq` (microseconds) that was published from here; 0 if none. */
  readonly seq: number;
  /** False if the packet of that `seq` is not known to have reached enough nodes: it was about to be sent. */
  readonly placed: boolean;
  /** True if the last thing done from here was to burn or revoke the handoff. */
  readonly revoked: boolean;
  /** The highest `seq` (microseconds) whose handoff was picked up here; 0 if none. */
  readonly seen: number;
  readonly spent: readonly SpentHandoff[];
}

const NOTHING: Memory = { seq: 0, placed: true, revoked: false, seen: 0, spent: [] };

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

  /** `onLoss` is told once of a file that is damaged, under the name by which it is kept. */
  constructor(stateFolder: string, onLoss: (path: string) => void = () => {}) {
    this.folder = join(stateFolder, 'history');
    this.oldFolder = join(stateFolder, 'published');
    this.onLoss = onLoss;
  }

  /** What is remembered of a key (32 bytes). Never rejects: a missing or damaged file is an empty memory. */
  async read(publicKey: Uint8Array): Promise<Memory> {
    const path = this.fileOf(publicKey);
    const memory = readMemory(path);
    if (memory !== null) return memory;
    // Only under the lock is it certain that nobody replaces the damaged file meanwhile.
    return exists(path)
      ? withLock(lockOf(path), () => this.current(publicKey)).catch(() => this.lost(publicKey, path))
      : this.carriedOver(publicKey);
  }

  /**
   * Picks the `seq` (microseconds) of the next packet: `choose` is given the highest that was published from
   * here.
   *
   * It is on disk before it is returned, so that neither a crash, nor a clock set back, nor another process
   * makes this machine use it again. Throws `refused` where it can't be written down.
   */
  async reserve(publicKey: Uint8Array, choose: (highest: number) => number): Promise<number> {
    const { seq } = await this.change(publicKey, (memory) => ({ ...memory, seq: choose(memory.seq), placed: false }));
    return seq;
  }

  /** Notes that the packet of a `seq` reached enough nodes, and whether it took a handoff back. */
  async notePlaced(
    publicKey: Uint8Array,
    seq: number,
    { revoked }: { readonly revoked?: boolean } = {},
  ): Promise<void> {
    await this.changeIfPossible(publicKey, (memory) =>
      // Another process may have published since: what it remembers stays.
      memory.seq === seq ? { ...memory, placed: true, revoked: revoked ?? memory.revoked } : memory,
    );
  }

  /** Notes that a handoff was burnt or revoked from here. */
  async noteEnded(record: SignedRecord, fate: Exclude<Fate, 'taken'>): Promise<void> {
    await this.changeIfPossible(record.publicKey, (memory) => withSpent(memory, record, fate));
  }

  /** Notes that a handoff was picked up here, from the packet of a `seq` (microseconds). */
  async noteTaken(record: SignedRecord, seq: number): Promise<void> {
    await this.changeIfPossible(record.publicKey, (memory) => ({
      ...(hasEnded(memory, record) ? memory : withSpent(memory, record, 'taken')),
      seen: Math.max(memory.seen, seq),
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
      const nowSeconds = Date.now() / 1000;
      const spent = changed.spent.filter(({ until }) => until > nowSeconds).slice(0, MAX_SPENT);
      const memory = { ...changed, spent };
      writeAtomically(path, Buffer.from(JSON.stringify(memory)));
      return memory;
    });
  }

  /**
   * The memory of a key, for who holds the lock. A damaged file gets another name, so that this is said once.
   */
  private current(publicKey: Uint8Array): Memory {
    const path = this.fileOf(publicKey);
    const memory = readMemory(path);
    if (memory !== null) return memory;
    if (!exists(path)) return this.carriedOver(publicKey);
    const aside = `${path}.damaged`;
    renameSync(path, aside);
    return this.lost(publicKey, aside);
  }

  /** Says that a file is damaged. The `seq` of the newest packet on the network is the floor then. */
  private lost(publicKey: Uint8Array, path: string): Memory {
    this.onLoss(path);
    return this.carriedOver(publicKey);
  }

  /** The memory that a version before this one kept. */
  private carriedOver(publicKey: Uint8Array): Memory {
    return readMemory(join(this.oldFolder, `${encodePublicKey(publicKey)}.json`)) ?? NOTHING;
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

const lockOf = (path: string) => `${path}.lock`;

const signatureOf = ({ signature }: SignedRecord) => Buffer.from(signature).toString('base64');

function withSpent(memory: Memory, record: SignedRecord, fate: Fate): Memory {
  const signature = signatureOf(record);
  const others = memory.spent.filter((spent) => spent.signature !== signature);
  return { ...memory, spent: [{ signature, fate, until: Number(expiresAt(record)) }, ...others] };
}

/** Reads a file of ours, or one of an earlier version; null if it is missing or damaged. */
function readMemory(path: string): Memory | null {
  const text = withRegularFile(path, (descriptor) => readAt(descriptor, 0, MAX_FILE_BYTES).toString());
  if (text === null) return null;
  try {
    const { seq, placed, revoked, seen = 0, spent = [] } = JSON.parse(text);
    if (![seq, seen].every((number) => Number.isSafeInteger(number) && number >= 0)) return null;
    if (!Array.isArray(spent) || !spent.every(isSpent)) return null;
    return { seq, placed: placed !== false, revoked: revoked === true, seen, spent };
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

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
