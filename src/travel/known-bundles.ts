import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Failure } from '../failure.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { errorCode } from '../files/file-failure.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { withLock } from '../files/lock.ts';
import { readSmallFile } from '../files/regular-file.ts';
import { isLeftBehind } from '../files/writer-mark.ts';
import { isBundleName, isCopyOf } from './handoff-keys.ts';

/** A bundle that this machine wrote into a folder, or took from one. */
export interface KnownBundle {
  /** Absolute. */
  readonly folder: string;
  /** As `bundleName` gives it. */
  readonly name: string;
  /** The address of its handoff, in z-base-32. */
  readonly address: string;
  /** When the handoff ends, in Unix seconds. */
  readonly until: number;
  /** The `seq` that its handoff was published with here, once it was. */
  readonly seq?: number;
  /** The `writerMark` of the process that is about to publish its handoff. */
  readonly writer?: string;
}

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_BUNDLES = 2000;
/** A disk that is away for longer than this after the end of a handoff is not waited for, in seconds. */
const FORGET_AFTER = 90 * 86_400;

/**
 * What this machine remembers of bundles in folders, in one file below the state folder: only these does it
 * remove. Whatever else lies there may be anybody's.
 */
export class KnownBundles {
  private readonly stateFolder: string;
  private readonly now: () => number;

  /** `now` is the clock, in Unix milliseconds. */
  constructor(stateFolder: string, now: () => number = Date.now) {
    this.stateFolder = stateFolder;
    this.now = now;
  }

  /**
   * Notes a bundle that is about to be written, or was taken: it is on disk before this returns. Throws
   * `refused` if it can't be.
   */
  async note(bundle: KnownBundle): Promise<void> {
    await this.change((known) => [bundle, ...known.filter((each) => !isSame(each, bundle))].slice(0, MAX_BUNDLES));
  }

  /** Removes a bundle: its handoff was never published, or is burnt. */
  async remove(bundle: Pick<KnownBundle, 'folder' | 'name'>): Promise<readonly string[]> {
    return this.removeWhere((each) => isSame(each, bundle));
  }

  /**
   * Removes the bundles under an address (z-base-32), whose handoff was revoked or burnt, or replaced by one
   * that was published with `seq`. Those of handoffs that another process is about to publish, or published
   * later, stay. Returns the folders in which one could not be removed.
   */
  async removeUnder(address: string, seq = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
    const newest = Math.max(seq, ...this.read().map((each) => (each.address === address ? (each.seq ?? 0) : 0)));
    return this.removeWhere((each) => each.address === address && (each.seq ?? 0) < newest && !isAwaited(each));
  }

  /** Removes the bundles whose handoffs have expired. */
  async sweep(): Promise<void> {
    const nowSeconds = this.now() / 1000;
    await this.removeWhere(({ until }) => until <= nowSeconds);
  }

  /** What can't be removed now is tried again by the next one. Never rejects. */
  private async removeWhere(isOver: (bundle: KnownBundle) => boolean): Promise<readonly string[]> {
    if (!this.read().some(isOver)) return [];
    const nowSeconds = Math.floor(this.now() / 1000);
    const failed = new Set<string>();
    const keep = (bundle: KnownBundle): readonly KnownBundle[] => {
      if (!isOver(bundle)) return [bundle];
      if (isRemoved(bundle)) return [];
      failed.add(bundle.folder);
      return bundle.until + FORGET_AFTER > nowSeconds ? [{ ...bundle, until: Math.min(bundle.until, nowSeconds) }] : [];
    };
    try {
      await this.change((known) => known.flatMap(keep));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    return [...failed];
  }

  private async change(change: (known: readonly KnownBundle[]) => readonly KnownBundle[]): Promise<void> {
    makePrivateFolder(this.stateFolder);
    await withLock(`${this.path}.lock`, () =>
      writeAtomically(this.path, Buffer.from(JSON.stringify(change(this.read())))),
    );
  }

  /** A file that is missing, damaged or can't be read is an empty memory: nothing is removed then. */
  private read(): readonly KnownBundle[] {
    try {
      const content = readSmallFile(this.path, MAX_FILE_BYTES);
      const known: unknown = typeof content === 'string' ? [] : JSON.parse(content.toString());
      return Array.isArray(known) ? known.filter(isKnownBundle) : [];
    } catch {
      return [];
    }
  }

  private get path(): string {
    return join(this.stateFolder, 'bundles.json');
  }
}

const isSame = (a: Pick<KnownBundle, 'folder' | 'name'>, b: Pick<KnownBundle, 'folder' | 'name'>) =>
  a.folder === b.folder && a.name === b.name;

/** Whether the process that is to publish the handoff of a bundle still runs. */
const isAwaited = ({ writer }: KnownBundle) => writer !== undefined && !isLeftBehind(writer, Date.now());

/**
 * Removes a bundle and what a service that syncs folders copied from it. False if one of them is still there.
 */
function isRemoved({ folder, name }: KnownBundle): boolean {
  let copies: string[];
  try {
    copies = readdirSync(folder).filter((each) => isCopyOf(name, each));
  } catch {
    return false; // its disk may come back
  }
  return copies.map((copy) => isGone(join(folder, copy))).every(Boolean);
}

function isGone(path: string): boolean {
  try {
    if (lstatSync(path).isFile()) unlinkSync(path);
    return true;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

function isKnownBundle(value: unknown): value is KnownBundle {
  if (typeof value !== 'object' || value === null) return false;
  const { folder, name, address, until, seq, writer } = value as Record<string, unknown>;
  return (
    ['number', 'undefined'].includes(typeof seq) &&
    ['string', 'undefined'].includes(typeof writer) &&
    typeof folder === 'string' &&
    isAbsolute(folder) &&
    typeof name === 'string' &&
    isBundleName(name) &&
    typeof address === 'string' &&
    typeof until === 'number'
  );
}
