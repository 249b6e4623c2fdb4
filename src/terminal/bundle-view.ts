import { countOf } from '../count.ts';
import type { FoundHandoff } from '../handoff/reader.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { describeSize } from '../size.ts';
import { describeAge } from '../time.ts';
import type { ArrivingSession, Imported, ImportPlan } from '../travel/arriving/importing.ts';
import { type Manifest, unpackedBytes } from '../travel/bundle/manifest.ts';
import { describeUnsaved } from './git-view.ts';
import { describeLines } from './handoff-view.ts';
import { excerpt } from './printable.ts';
import type { Style } from './style.ts';

/** How much is shown of what a stranger may have written, in characters. */
const MAX_TEXT = 70;
const MAX_PATH = 200;
const MAX_KIND = 60;
const MAX_NAMES = 8;
/** Both tables of an import look like one. */
const LABEL_WIDTH = 18;

/** A session that has come, for a person; without what the table of its handoff has `told` them, if any. */
export function describeArriving(
  arriving: ArrivingSession,
  nowMs: number,
  style: Style,
  told: FoundHandoff | null = null,
): string {
  const { manifest, trust, lastChangeHereMs } = arriving;
  const lines: (readonly [string, string])[] = [
    ...manifestLines(manifest, nowMs, trust === 'own' ? 'you' : signerOf(manifest)),
    ['Already here', lastChangeHereMs === null ? '' : `last changed ${ageOf(lastChangeHereMs, nowMs)}`],
  ];
  const repeated = told === null ? [] : repeatedBy(told, arriving);
  return describeLines(
    lines.filter(([label]) => !repeated.includes(label)),
    style,
    LABEL_WIDTH,
  );
}

/** The labels of lines that only say again what the table of a handoff says. */
function repeatedBy({ payload, local, record }: FoundHandoff, { manifest, trust }: ArrivingSession): string[] {
  const { title, host, directory, from } = manifest;
  const isFromThere = host === payload.host && directory === payload.project;
  // What came over ssh is signed by nobody, and made for this pickup.
  const isSignedByPublisher = trust !== 'other' || from === encodePublicKey(record.publicKey);
  return [
    'Session',
    'Exported',
    ...(title === local.title ? ['Title'] : []),
    ...(isFromThere ? ['From'] : []),
    ...(isSignedByPublisher ? ['Signed by'] : []),
    ...(local.lastChangeMs === null ? [] : ['Already here']),
  ];
}

/** Where it is to live, and what it will miss there. */
export function describePlan(plan: ImportPlan, style: Style): string {
  const { directory, makesDirectory, missingServers, olderClaude } = plan;
  const isMade = makesDirectory ? ' (will be made)' : '';
  return describeLines(
    [
      ['Here', `${excerpt(directory, MAX_PATH)}${isMade}`],
      ['Not set up here', someOf(missingServers.map((name) => `MCP server ${name}`))],
      ['Claude Code here', olderClaude === null ? '' : `${olderClaude}, older than there`],
    ],
    style,
    LABEL_WIDTH,
  );
}

/** What a bundle says of itself, for a person. */
export function describeManifest(manifest: Manifest, nowMs: number, style: Style): string {
  return describeLines(manifestLines(manifest, nowMs, signerOf(manifest)), style, LABEL_WIDTH);
}

const signerOf = ({ from }: Manifest) => from ?? 'nobody';

function manifestLines(manifest: Manifest, nowMs: number, signer: string): (readonly [string, string])[] {
  const { title, turns, lastPrompt, lastChange, directory, host, claudeVersion, git, left, masked } = manifest;
  const changeMs = lastChange === null ? null : Date.parse(lastChange);
  return [
    ['Session', excerpt(manifest.session, 36)],
    ['Title', excerpt(title ?? '', MAX_TEXT)],
    ['Size', `${countOf(turns, 'prompt')}, ${describeSize(unpackedBytes(manifest))}`],
    ['Last prompt', excerpt(lastPrompt ?? '', MAX_TEXT)],
    ['Last change', changeMs === null ? '' : ageOf(changeMs, nowMs)],
    ['From', [excerpt(host, 64), excerpt(directory ?? '', MAX_PATH)].filter((text) => text !== '').join(', ')],
    ['Signed by', signer],
    ['Exported', ageOf(Date.parse(manifest.createdAt), nowMs)],
    ['Claude Code', excerpt(claudeVersion ?? '', 20)],
    ['MCP servers', someOf(manifest.mcpServers)],
    ['Git', git === null ? '' : describeGit(git)],
    ['Masked', describeMasked(masked)],
    ['Left out', someOf(left.map(({ what }) => what))],
  ];
}

function ageOf(timeMs: number, nowMs: number): string {
  return describeAge(Math.max(0, Math.floor((nowMs - timeMs) / 1000)));
}

function describeGit(git: NonNullable<Manifest['git']>): string {
  const unsaved = describeUnsaved(git);
  const { branch, commit } = git;
  const at = [excerpt(branch ?? '', MAX_TEXT), excerpt(commit?.slice(0, 10) ?? '', 10)].filter((text) => text !== '');
  return `${at.join(' ')}${unsaved === null ? '' : `; ${unsaved} stayed there`}`;
}

/** `2 × GitHub token, 1 × password in a URL`; empty if nothing was masked, or nothing looked for. */
export function describeMasked(masked: Manifest['masked']): string {
  const names = (masked ?? []).map(({ kind, count }) => `${count.toLocaleString('en')} × ${describeKind(kind)}`);
  return someOf(names);
}

/** A kind of secret, as its manifest names it. */
export const describeKind = (kind: string) => excerpt(kind, MAX_KIND);

/** The first of some names, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => excerpt(name, MAX_TEXT));
  return `${shown.join(', ')}${names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''}`;
}

/** The member of the JSON results that tells of an import. */
export function importedJson({ outcome, files, bytes, replaced, left, masked }: Imported) {
  return { outcome, files, bytes, replaced, left, masked };
}
