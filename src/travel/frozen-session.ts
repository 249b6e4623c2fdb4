import type { SessionContents } from '../claude/session-contents.ts';
import type { Loss, Manifest } from './bundle/manifest.ts';
import { type ExportOptions, type PreparedExport, prepareExport } from './export.ts';

/** What is to be frozen; who signs it, and which handoff it belongs to, is said when it leaves. */
export interface FreezeOptions extends Omit<ExportOptions, 'from' | 'handoff' | 'onRead'> {
  /** Of this machine: the frozen session lies there, in a file that has no name. Made if it is not there. */
  readonly stateFolder: string;
  /** The environment, of which the values of variables that are named like secrets are looked for. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Is told of bytes of the session as they are worked on. Each is twice: it is read, and looked through. */
  readonly onRead?: (bytes: number) => void;
}

/** Secrets of one kind that were found. */
export interface FoundSecrets {
  /** In words for a person, singular: `GitHub token`. */
  readonly kind: string;
  /** How many different ones. */
  readonly values: number;
  /** In how many places they were found, all together. */
  readonly places: number;
  /** The first few places, in words: `output of Bash, line 214`. They may hold text of the session. */
  readonly where: readonly string[];
}

/** A session for somebody else as it was at one moment: whatever is said in it later, this is what leaves. */
export interface FrozenSession {
  /** The secrets in it, the most frequent kind first. Masking does not change this. */
  readonly found: readonly FoundSecrets[];
  /** What does not leave, and why; files of secrets among it. */
  readonly left: readonly Loss[];
  /**
   * Masks what was found, and looks again. `onRead` is told of bytes as that of `FreezeOptions`, each twice.
   *
   * Throws `refused` if something can still be found: then nothing may leave.
   */
  mask(onRead?: (bytes: number) => void): Promise<void>;
  /**
   * What leaves: masked after `mask`, else as it is. May be called more than once, before `mask` and after.
   * To close it closes nothing: the frozen session is what is to be closed.
   */
  prepared(of: Pick<Manifest, 'from' | 'handoff'>): PreparedExport;
  /** Gives the disk back that it took. */
  close(): void;
}

/**
 * Reads a session once, as it will leave for somebody else, and finds the secrets in it. It is read again
 * where it is changed meanwhile, with what `contents` finds then.
 *
 * Throws as `prepareExport` does, and `refused` if there is no room for it.
 */
export async function freezeSession(contents: () => SessionContents, options: FreezeOptions): Promise<FrozenSession> {
  const prepared = await prepareExport(contents, { ...options, from: null, handoff: null });
  return {
    found: [],
    left: prepared.manifest.left,
    mask: async () => {},
    prepared: ({ from, handoff }) => ({
      ...prepared,
      manifest: { ...prepared.manifest, from, handoff, masked: [] },
      close: () => {},
    }),
    close: () => prepared.close(),
  };
}
