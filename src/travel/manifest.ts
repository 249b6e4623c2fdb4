import type { GitFacts } from '../process/git.ts';

/** The format of the bundles that this cclink writes. It reads this one and every older one. */
export const BUNDLE_FORMAT = 1;

/** Something that was left out or changed on the way, and why: both in words for a person. */
export interface Loss {
  readonly what: string;
  readonly why: string;
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
  /** When something was last said in it, RFC 3339 in UTC. */
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
  /** RFC 3339 in UTC. */
  readonly createdAt: string;
  /** The handoff that it belongs to: its address (z-base-32), and the SHA-256 of its `t` (base64url). */
  readonly handoff: { readonly address: string; readonly t: string } | null;
  /** In the order in which they follow; the transcript is the first. */
  readonly files: readonly BundleFile[];
  readonly left: readonly Loss[];
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

/** The bytes of a manifest as they are sealed and signed: JSON without spaces, keys in one order. */
export function encodeManifest(_manifest: Manifest): Buffer {
  throw new Error('not yet');
}

/**
 * Reads what `encodeManifest` wrote, and nothing else. Throws a `BundleFailure`: `newer format` (with the line
 * that updates), `over the limits`, or `damaged`.
 */
export function parseManifest(_bytes: Uint8Array): Manifest {
  throw new Error('not yet');
}

/** The 64-byte Ed25519 signature over `cclink-bundle-v1\0` and the manifest's bytes. */
export function signManifest(_bytes: Uint8Array, _sign: (message: Uint8Array) => Uint8Array): Uint8Array {
  throw new Error('not yet');
}

/** True if the owner of `publicKey` (32 bytes) signed these bytes of a manifest. */
export function verifyManifest(_bytes: Uint8Array, _signature: Uint8Array, _publicKey: Uint8Array): boolean {
  throw new Error('not yet');
}
