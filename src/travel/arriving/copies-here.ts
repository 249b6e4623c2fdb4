import { lstatSync } from 'node:fs';
import { resumePlace } from '../../claude/resume-place.ts';
import { type TranscriptFile, unreadable } from '../../claude/transcript-files.ts';
import { blocksOf } from '../file-blocks.ts';
import { compareLineage, type Lineage, type Relation } from '../transcript/lineage.ts';
import type { TranscriptFacts } from '../transcript/transcript-facts.ts';
import { type FilterReport, filterTranscript, TranscriptFilter } from '../transcript/transcript-filter.ts';

/** A transcript of the session that is on this machine, as it was when it was read. */
export interface CopyHere {
  readonly file: TranscriptFile;
  /** How it is related to the one that comes in. */
  readonly relation: Relation;
  readonly facts: TranscriptFacts;
  /** The directory that it is resumed in, if that exists. */
  readonly directory: string | null;
  /** What tells this content from the next: inode, size and time. */
  readonly version: string;
}

/**
 * Compares the transcripts `files`, all of one session, with the lineage of one that comes in. Each file is
 * read to its end. Throws `no-session` for one that can't be read.
 */
export async function compareCopies(
  files: readonly TranscriptFile[],
  there: Lineage,
  { strict, hints }: { readonly strict: boolean; readonly hints: readonly string[] },
): Promise<CopyHere[]> {
  const copies: CopyHere[] = [];
  for (const file of files) {
    const version = versionOf(file.path);
    const { lineage, facts } = await reportOf(file.path, strict);
    const whole = strict ? (await reportOf(file.path, false)).lineage : lineage;
    const place = resumePlace([file], hints);
    const directory = place?.exists ? place.directory : null;
    copies.push({ file, relation: relationOf({ comparable: lineage, whole }, there), facts, directory, version });
  }
  return copies;
}

/** What a filter tells of a transcript. */
async function reportOf(path: string, strict: boolean): Promise<FilterReport> {
  const filter = new TranscriptFilter({ strict, keepThinking: true, rewrite: null, newSessionId: null });
  try {
    for await (const _ of filterTranscript(blocksOf(path), filter)) {
      // Only what the filter tells afterwards is wanted.
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  return filter.report;
}

/**
 * `comparable`: what goes to somebody else, and so can come back. If the last word here is one that does not,
 * the session has gone on here all the same.
 */
function relationOf(here: { readonly comparable: Lineage; readonly whole: Lineage }, there: Lineage): Relation {
  const { comparable, whole } = here;
  const relation = compareLineage(comparable, there);
  if (whole.last === null || comparable.has(whole.last) || there.has(whole.last)) return relation;
  if (relation === 'same') return 'here is newer';
  return relation === 'here is older' ? 'apart' : relation;
}

/** True if a copy is not any more what it was when it was read. */
export function hasChanged({ file, version }: CopyHere): boolean {
  return versionOf(file.path) !== version;
}

function versionOf(path: string): string {
  try {
    const { ino, size, mtimeNs } = lstatSync(path, { bigint: true });
    return `${ino}-${size}-${mtimeNs}`;
  } catch {
    return 'gone';
  }
}
