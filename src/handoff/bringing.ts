import { realPath } from '../files/real-path.ts';
import type { ImportOptions, ImportPorts } from '../travel/arriving/importing.ts';
import type { Trust } from '../travel/bundle/manifest.ts';
import type { Absence, OnCheck } from '../travel/folder.ts';
import type { KnownBundles } from '../travel/known-bundles.ts';
import type { FoundHandoff } from './reader.ts';

/** Where the files of a session are brought from, and their size there in bytes: in a folder, sealed. */
export type BringSource =
  | { readonly kind: 'folder'; readonly folder: string; readonly bytes: number }
  | { readonly kind: 'ssh'; readonly host: string; readonly bytes: number };

/** How the files of a session are brought where they are missing, or older. */
export interface Bringing {
  /** The folder (absolute) that both machines see; null without one. */
  readonly folder: string | null;
  /** The host to fetch them from, as `parseSshHost` gives it; then the folder is not looked into. */
  readonly ssh: string | null;
  /**
   * How long to wait for them in the folder, in milliseconds: null as long as it takes, 0 where there is
   * nobody to wait.
   */
  readonly waitMs: number | null;
  /** The key (32 bytes) that must have signed them, if the user named one. */
  readonly from: Uint8Array | null;
  /** Whether ssh may ask the user on their terminal. */
  readonly canAsk: boolean;
  /** Where what is taken from the folder is noted. */
  readonly bundles: KnownBundles;
  /** Asked for once it is known that there is something to import. */
  readonly importOptions: (trust: Trust) => Promise<ImportOptions>;
  /** True if the session is to be a second one, whatever is here. */
  readonly asNew: boolean;
  /** The directory (absolute) that it is to live in; null if the user named none. */
  readonly into: string | null;
  /** The environment of ssh, without our secrets, and the home directory, in which it runs. */
  readonly variables: NodeJS.ProcessEnv;
  readonly home: string;
  readonly ports: BringPorts;
}

interface BringPorts {
  /** Told what is missing in a folder while it is waited for, each time that this changes. */
  readonly waiting: (folder: string, absence: Absence) => void;
  /** Told how what lies in a folder is checked. */
  readonly checking: OnCheck;
  /** Told each line that ssh writes for its user: a stranger's text. */
  readonly sshSays: (line: string) => void;
  /** Told that a host is asked now: ssh may have questions of its own, on the terminal. */
  readonly asking: (host: string) => void;
  /** Told that what came is no newer than what is here. */
  readonly nothingNewer: (source: BringSource) => void;
  /** Given work that waits for others, and that Ctrl-C may end. */
  readonly whileWaiting: <T>(work: Promise<T>) => Promise<T>;
  /**
   * How the import asks and tells its user; a yes burns the handoff too if it `burns`. `told` is the handoff
   * that was shown. `ended` is called when nothing more is read.
   */
  readonly forImport: (
    trust: Trust,
    source: BringSource,
    handoff: { readonly burns: boolean; readonly told: FoundHandoff },
  ) => ImportPorts & { ended(): void };
}

/** Whether files may be brought for a handoff, for which it must be shown first. */
export function mayBring(found: FoundHandoff, bringing: Bringing | null): boolean {
  const { payload, isClaimed, isFromHere, local } = found;
  if (bringing === null || isClaimed || local.unreadable !== null) return false;
  if (bringing.ssh !== null) return true;
  // What was published here can't be newer in the folder.
  const mayBeOfUse = !(isFromHere && local.here) || isWantedOtherwise(found, bringing);
  return bringing.folder !== null && payload.t !== undefined && mayBeOfUse;
}

/** Whether a session that is here is wanted as a second one, or in another directory than it lives in. */
export function isWantedOtherwise({ local }: FoundHandoff, { asNew, into }: Bringing): boolean {
  if (!local.here) return false;
  return asNew || (into !== null && (local.directory === null || realPath(into) !== realPath(local.directory)));
}
