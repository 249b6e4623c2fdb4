import type { SessionPlaces } from '../../claude/local-session.ts';
import type { ClaudeHere } from '../../claude/start-options.ts';
import type { Loss, Manifest, MaskedSecrets, Trust } from '../bundle/manifest.ts';
import type { PathPair } from '../paths/path-pair.ts';

/** Where sessions and our own files lie, and what else of this machine decides where one is to live. */
interface ImportPlaces extends SessionPlaces {
  readonly stateFolder: string;
  readonly home: string;
  /** The environment: Claude Code lets it name the project folder. */
  readonly variables: NodeJS.ProcessEnv;
}

export interface ImportOptions {
  readonly places: ImportPlaces;
  /** What `trustOf` says of the bundle. */
  readonly trust: Trust;
  /** The directory that the user named, absolute; it is made if need be. Null: it is found, or asked for. */
  readonly into: string | null;
  /** More paths to rewrite: those there, and what they are here. */
  readonly maps: readonly PathPair[];
  /** True: as a second session, under an id of its own. */
  readonly asNew: boolean;
  /** The `claude` that is to go on. */
  readonly claude: ClaudeHere;
  /** The name of this machine. */
  readonly host: string;
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
}

/** What has come. Text from the bundle is unchanged: make it printable. */
export interface ArrivingSession {
  readonly manifest: Manifest;
  readonly trust: Trust;
  /** How much it takes on the disk at most, in bytes. */
  readonly bytes: number;
  /** When something was last said in the session here, in Unix milliseconds; null if it is not here. */
  readonly lastChangeHereMs: number | null;
}

/** What is about to be imported. */
export interface ImportPlan extends ArrivingSession {
  /** The id that it is to have here. */
  readonly session: string;
  readonly directory: string;
  /** True if the directory is not there yet and will be made. */
  readonly makesDirectory: boolean;
  /** MCP servers that it used and that are not configured for that directory. */
  readonly missingServers: readonly string[];
  /** The version of the `claude` here, if that is older than the one that wrote it; else null. */
  readonly olderClaude: string | null;
}

/** How an import asks and tells its user. */
export interface ImportPorts {
  /** Told how many bytes of the bundle's files, unpacked, were read since the last time. */
  readonly progress: (bytes: number) => void;
  /** Told what has come, before anything is asked. */
  readonly show: (arriving: ArrivingSession) => void;
  /**
   * Which of several directories (absolute, all here, likeliest first) it is to live in. Throws where nobody
   * can be asked, or if none is chosen.
   */
  readonly chooseDirectory: (candidates: readonly string[]) => Promise<string>;
  /** Asked once, before anything is written; false ends it with `interrupted`. */
  readonly confirm: (plan: ImportPlan) => Promise<boolean>;
}

/** A session that lies here now, as Claude Code will find it. */
export interface Imported {
  /** Its id here. */
  readonly session: string;
  readonly directory: string;
  /** The path of its transcript. */
  readonly transcript: string;
  readonly title: string | null;
  /** `unchanged`: it was here already, as new or newer; nothing was written. */
  readonly outcome: 'new' | 'updated' | 'unchanged';
  /** Where what was replaced is kept for a while; null if nothing was. */
  readonly replaced: string | null;
  /** How much was written: files, and bytes. */
  readonly files: number;
  readonly bytes: number;
  /** What was left out, changed or could not be read, there and here. */
  readonly left: readonly Loss[];
  /** Of these, what this import did. */
  readonly leftHere: readonly Loss[];
  /** What was masked there, before it left. */
  readonly masked: readonly MaskedSecrets[];
  /** What `claude` is to be told at its first start, with `--append-system-prompt`; null if nothing. */
  readonly systemPrompt: string | null;
  /** Options for the first start, safe ones for a session of somebody else; `systemPrompt` is not in them. */
  readonly claudeOptions: readonly string[];
}
