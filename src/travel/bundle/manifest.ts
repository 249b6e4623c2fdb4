import { isObject, parseObject } from '../../claude/json-object.ts';
import { isSessionId } from '../../claude/session-id.ts';
import { kindOfName } from '../../claude/session-layout.ts';
import { verify } from '../../crypto/ed25519.ts';
import { encodePublicKey, parsePublicKey } from '../../identity/public-key.ts';
import type { GitFacts } from '../../process/git.ts';
import { shorten } from '../../shown-text.ts';
import { BundleFailure, malformedBundle, noBundle, overTheLimits } from './bundle-failure.ts';
import {
  MAX_FILE_BYTES,
  MAX_FILES,
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_ENTRIES,
  MAX_MANIFEST_TEXT,
  MAX_TOTAL_BYTES,
} from './limits.ts';

/** The format of the bundles that this cclink writes. It reads this one and every older one. */
export const BUNDLE_FORMAT = 1;

/** Something that was left out or changed on the way, and why: both in words for a person. */
export interface Loss {
  readonly what: string;
  readonly why: string;
}

/** Secrets that were masked: their kind in words (`GitHub token`), and how many different ones. */
export interface MaskedSecrets {
  readonly kind: string;
  readonly count: number;
}

/** For whom a bundle is sealed. A key is z-base-32, a recipient an age recipient (`age1…`). */
export type BundleAudience =
  | { readonly mode: 'self' }
  | { readonly mode: 'share'; readonly publicKey: string }
  | { readonly mode: 'pin' }
  | { readonly mode: 'recipient'; readonly recipient: string };

/** What a bundle says of itself, in its first file (docs/PROTOCOL.md, "The bundle"). Sizes are in bytes. */
export interface Manifest {
  readonly format: number;
  readonly session: string;
  readonly title: string | null;
  /** How many prompts a person typed. */
  readonly turns: number;
  readonly lastPrompt: string | null;
  /** When something was last said in it, RFC 3339 in UTC with milliseconds (`Date.toISOString`). */
  readonly lastChange: string | null;
  /** The directory that it belongs to, and what else its paths begin with. */
  readonly directory: string | null;
  readonly home: string;
  readonly claudeFolder: string;
  readonly projectFolder: string;
  /** As `process.platform` says it. */
  readonly platform: string;
  readonly host: string;
  /** The Claude Code that last wrote to it: `2.1.329`. */
  readonly claudeVersion: string | null;
  /** The state of the directory's git repository when the session left. */
  readonly git: GitFacts | null;
  /** The tools that it used, and the MCP servers among them. */
  readonly tools: readonly string[];
  readonly mcpServers: readonly string[];
  /** Who signed it (z-base-32); null if nobody did. */
  readonly from: string | null;
  readonly audience: BundleAudience;
  /** As `lastChange`. */
  readonly createdAt: string;
  /** The handoff that it belongs to: its address (z-base-32), and the SHA-256 of its `t` (base64url). */
  readonly handoff: { readonly address: string; readonly t: string } | null;
  /** In the order in which they follow; the transcript is the first. */
  readonly files: readonly BundleFile[];
  readonly left: readonly Loss[];
  /**
   * What was masked; empty where nothing was found. Only of a session in which secrets were looked for, and
   * that was not sent as it is.
   */
  readonly masked?: readonly MaskedSecrets[];
}

export interface BundleFile {
  /** As `kindOfName` knows it. */
  readonly name: string;
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/**
 * How far a bundle is trusted. `own`: signed by the own key. `ssh`: unsigned, from a host that the user
 * named. `other`: everything else, for anybody who knows a public key can seal to it.
 */
export type Trust = 'own' | 'ssh' | 'other';

/** What the manifest and its signature are called in the archive. */
export const MANIFEST_NAME = 'manifest.json';
export const SIGNATURE_NAME = 'manifest.sig';

/** What an exporter signs, before the manifest's bytes. */
const SIGNED_CONTEXT = Buffer.from('cclink-bundle-v1\0');

/**
 * The bytes of a manifest as they are sealed and signed: JSON without spaces, its keys in one order.
 *
 * Throws `over the limits` for one that no cclink would take, as of a session with too many files.
 */
export function encodeManifest(manifest: Manifest): Buffer {
  const bytes = Buffer.from(JSON.stringify(checked(manifest)));
  if (bytes.length > MAX_MANIFEST_BYTES) throw tooLarge();
  return bytes;
}

/**
 * Reads what `encodeManifest` wrote, and nothing else. Throws a `BundleFailure`: `newer format` (with the
 * line that updates), `over the limits`, `malformed`, or `no bundle` if it is something else altogether.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw tooLarge();
  const text = Buffer.from(bytes).toString('utf8');
  const value = parseObject(text);
  const format = value?.['format'];
  if (value === null || typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) throw noBundle();
  if (format > BUNDLE_FORMAT) throw newerFormat(format);
  const manifest = checked(value);
  // Says in one go that no key is unknown, missing, out of order or there twice, and that it is UTF-8.
  if (!Buffer.from(JSON.stringify(manifest)).equals(bytes)) throw malformed('it is not written as cclink does');
  return manifest;
}

/** The 64-byte Ed25519 signature over `cclink-bundle-v1\0` and the manifest's bytes. */
export function signManifest(bytes: Uint8Array, sign: (message: Uint8Array) => Uint8Array): Uint8Array {
  return sign(Buffer.concat([SIGNED_CONTEXT, bytes]));
}

/** True if the owner of `publicKey` (32 bytes) signed these bytes of a manifest. */
export function verifyManifest(bytes: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verify(publicKey, Buffer.concat([SIGNED_CONTEXT, bytes]), signature);
}

/** How much the files of a bundle take once they are unpacked, in bytes. */
export function unpackedBytes({ files }: Manifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** When the bundle was made, in whole Unix seconds. */
export function secondsOf({ createdAt }: Manifest): number {
  return Math.floor(Date.parse(createdAt) / 1000);
}

/** A manifest whose every member has been checked, its keys in the order in which they are written. */
function checked(manifest: object): Manifest {
  const top = new Members(manifest, '');
  const files = top.list('files', MAX_FILES, (file) => ({
    name: file.text('name'),
    bytes: file.count('bytes'),
    sha256: file.match('sha256', /^[0-9a-f]{64}$/),
  }));
  refuseBadFiles(files);
  return {
    format: top.count('format'),
    session: top.match('session', isSessionId),
    title: top.textOrNull('title'),
    turns: top.count('turns'),
    lastPrompt: top.textOrNull('lastPrompt'),
    lastChange: top.nullable('lastChange', () => top.time('lastChange')),
    directory: top.textOrNull('directory'),
    home: top.text('home'),
    claudeFolder: top.text('claudeFolder'),
    projectFolder: top.text('projectFolder'),
    platform: top.match('platform', /^[a-z0-9]{1,20}$/),
    host: top.text('host'),
    claudeVersion: top.textOrNull('claudeVersion'),
    git: top.nullable('git', () => gitFacts(top.object('git'))),
    tools: top.texts('tools'),
    mcpServers: top.texts('mcpServers'),
    from: top.nullable('from', () => top.key('from')),
    audience: audience(top.object('audience')),
    createdAt: top.time('createdAt'),
    handoff: top.nullable('handoff', () => {
      const handoff = top.object('handoff');
      return { address: handoff.key('address'), t: handoff.match('t', /^[A-Za-z0-9_-]{43}$/) };
    }),
    files,
    left: top.list('left', MAX_MANIFEST_ENTRIES, (loss) => ({ what: loss.text('what'), why: loss.text('why') })),
    ...(top.has('masked') && {
      masked: top.list('masked', MAX_MANIFEST_ENTRIES, (masked) => ({
        kind: masked.text('kind'),
        count: masked.count('count'),
      })),
    }),
  };
}

function gitFacts(git: Members): GitFacts {
  return {
    remote: git.textOrNull('remote'),
    branch: git.textOrNull('branch'),
    commit: git.nullable('commit', () => git.match('commit', /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)),
    prefix: git.match('prefix', isPrefix),
    changedFiles: git.nullable('changedFiles', () => git.count('changedFiles')),
    unpushedCommits: git.nullable('unpushedCommits', () => git.count('unpushedCommits')),
  };
}

/** True for a path inside a repository, as git prints it; a name with a backslash would be two on Windows. */
export function isPrefix(path: string): boolean {
  return path === '' || path.split('/').every((name) => !/^\.{0,2}$|[\\\0]/.test(name));
}

function audience(members: Members): BundleAudience {
  const mode = members.match('mode', /^(?:self|share|pin|recipient)$/);
  if (mode === 'share') return { mode, publicKey: members.key('publicKey') };
  if (mode === 'recipient') return { mode, recipient: members.match('recipient', /^age1[02-9ac-hj-np-z]{58}$/) };
  return { mode: mode === 'pin' ? 'pin' : 'self' };
}

/** Refuses files that no session has, that would lie on each other, or that are too large. */
function refuseBadFiles(files: readonly BundleFile[]): void {
  if (files[0] === undefined || kindOfName(files[0].name) !== 'transcript') {
    throw malformed('the transcript is not its first file');
  }
  const names = new Set<string>();
  let total = 0;
  for (const { name, bytes } of files) {
    if (kindOfName(name) === null) throw malformed(`no session has a file ${JSON.stringify(shorten(name, 100))}`);
    // One on a disk that does not tell capitals apart.
    const folded = name.toLowerCase();
    if (names.has(folded)) throw malformed(`two of its files have the name ${name}`);
    names.add(folded);
    if (bytes > MAX_FILE_BYTES) throw overTheLimits(`${name} is larger than ${inGigabytes(MAX_FILE_BYTES)}`);
    total += bytes;
  }
  if (total > MAX_TOTAL_BYTES)
    throw overTheLimits(`its files are larger than ${inGigabytes(MAX_TOTAL_BYTES)} together`);
}

/** Reads the members of a JSON object, and throws `malformed` for what they may not be. */
class Members {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: object, path: string) {
    this.#members = value as Record<string, unknown>;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#members[key] !== undefined;
  }

  /** Null where that is the member's value, else what `read` returns. */
  nullable<T>(key: string, read: () => T): T | null {
    return this.#members[key] === null ? null : read();
  }

  text(key: string): string {
    const value = this.#members[key];
    if (typeof value !== 'string') throw this.#wrong(key);
    if (value.length > MAX_MANIFEST_TEXT) throw overTheLimits(`a text in its manifest is too long (${key})`);
    return value;
  }

  textOrNull(key: string): string | null {
    return this.nullable(key, () => this.text(key));
  }

  match(key: string, form: RegExp | ((text: string) => boolean)): string {
    const value = this.text(key);
    if (!(form instanceof RegExp ? form.test(value) : form(value))) throw this.#wrong(key);
    return value;
  }

  count(key: string): number {
    const value = this.#members[key];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
      throw this.#wrong(key);
    }
    return value;
  }

  /** RFC 3339 in UTC with milliseconds, from 1970 to 9999. */
  time(key: string): string {
    const value = this.match(key, /^(?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\dT[\d:.]{12}Z$/);
    const milliseconds = Date.parse(value);
    if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== value) throw this.#wrong(key);
    return value;
  }

  /** A public key in z-base-32. */
  key(key: string): string {
    const value = this.text(key);
    try {
      if (encodePublicKey(parsePublicKey(value)) === value) return value;
    } catch {
      // Told below.
    }
    throw this.#wrong(key);
  }

  object(key: string): Members {
    const value = this.#members[key];
    if (!isObject(value)) throw this.#wrong(key);
    return new Members(value, `${this.#path}${key}.`);
  }

  texts(key: string): string[] {
    return this.#entries(key, MAX_MANIFEST_ENTRIES).map((_, at, all) => new Members(all, `${key}.`).text(`${at}`));
  }

  list<T>(key: string, most: number, read: (members: Members) => T): T[] {
    return this.#entries(key, most).map((value) => {
      if (!isObject(value)) throw this.#wrong(key);
      return read(new Members(value, `${this.#path}${key}.`));
    });
  }

  #entries(key: string, most: number): readonly unknown[] {
    const value = this.#members[key];
    if (!Array.isArray(value)) throw this.#wrong(key);
    if (value.length > most) throw overTheLimits(`its manifest has more than ${most} ${key}`);
    return value;
  }

  #wrong(key: string): BundleFailure {
    return malformed(`"${this.#path}${key}" is missing, or not what it should be`);
  }
}

function malformed(what: string): BundleFailure {
  return malformedBundle(`in its manifest, ${what}`);
}

function tooLarge(): BundleFailure {
  return overTheLimits(`its manifest is larger than ${MAX_MANIFEST_BYTES / 1024 ** 2} MiB`);
}

function newerFormat(format: number): BundleFailure {
  return new BundleFailure(
    'newer format',
    `The bundle is of format ${format}; this cclink reads up to ${BUNDLE_FORMAT}.`,
    'Update cclink (`npm install -g cclink`, or its install.sh again), and try again.',
  );
}

function inGigabytes(bytes: number): string {
  return `${bytes / 1024 ** 3} GiB`;
}
