import type { Session } from '../../claude/session.ts';
import type { SessionPlace } from '../../claude/session-layout.ts';
import type { GitFacts } from '../../process/git.ts';
import { shorten } from '../../shown-text.ts';
import { BUNDLE_FORMAT, type BundleAudience, isPrefix, type Manifest } from '../bundle/manifest.ts';
import type { DepartingSession } from './departing-session.ts';

/** UTF-16 units that are kept of a title, a prompt, or what was left out: they are only shown. */
const LONGEST_TEXT = 500;

/** Of a bundle that nobody has signed, or not yet, and that belongs to no handoff. */
export const UNSIGNED: Pick<Manifest, 'from' | 'handoff'> = { from: null, handoff: null };

/** What only the caller knows of a bundle. */
export interface ManifestOptions {
  /** As `describeSession` tells it. */
  readonly session: Session;
  readonly audience: BundleAudience;
  /** Who is going to sign it (z-base-32); null if nobody is. */
  readonly from: string | null;
  readonly handoff: Manifest['handoff'];
  readonly machine: { readonly home: string; readonly host: string; readonly platform: NodeJS.Platform };
  /** The clock, in Unix milliseconds. */
  readonly nowMs: number;
}

/**
 * What the bundle of a session says of it. `inText` is what becomes of each text, before it is cut.
 */
export function manifestOf(
  place: SessionPlace,
  { session, audience, from, handoff, machine, nowMs }: ManifestOptions,
  git: GitFacts | null,
  leaving: DepartingSession,
  inText: (text: string) => string = asItIs,
): Manifest {
  const { facts } = leaving;
  const of = (text: string | null | undefined) => (text == null ? null : inText(text));
  const cut = (text: string) => shorten(inText(text), LONGEST_TEXT);
  const cutOrNull = (text: string | null | undefined) => (text == null ? null : cut(text));
  return {
    format: BUNDLE_FORMAT,
    session: place.sessionId,
    title: cutOrNull(session.title ?? facts?.title),
    turns: facts?.turns ?? 0,
    lastPrompt: cutOrNull(facts?.lastPrompt),
    lastChange: timeOf(facts?.lastChangeMs ?? null),
    directory: of(session.directory),
    home: inText(machine.home),
    claudeFolder: inText(place.claudeFolder),
    projectFolder: inText(place.projectFolder),
    platform: machine.platform,
    host: inText(machine.host),
    claudeVersion: of(facts?.claudeVersion),
    git:
      git !== null && isPrefix(git.prefix)
        ? { ...git, remote: of(git.remote), branch: of(git.branch), prefix: inText(git.prefix) }
        : null,
    tools: (facts?.tools ?? []).map(inText),
    mcpServers: (facts?.mcpServers ?? []).map(inText),
    from,
    audience,
    createdAt: new Date(nowMs).toISOString(),
    handoff,
    files: leaving.departures.map(({ file, bytes, sha256 }) => ({ name: file.name, bytes, sha256 })),
    left: leaving.left.map(({ what, why }) => ({ what: cut(what), why: cut(why) })),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}

const asItIs = (text: string) => text;
