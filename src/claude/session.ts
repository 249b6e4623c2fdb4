import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isSlug } from './folders.ts';
import { isNamedAfter } from './project-directory.ts';
import type { TranscriptFile } from './transcript-files.ts';
import { type Standing, summarizeTranscript, type TranscriptSummary } from './transcript-summary.ts';

/**
 * A session on this machine. Its text is unchanged from the transcript: what prints it must make it harmless.
 */
export interface Session extends TranscriptFile {
  /** The directory that it belongs to, which may no longer exist; null if the transcript does not say. */
  readonly directory: string | null;
  /** Those that it may belong to, likeliest first; `directory` is the first. */
  readonly directories: readonly string[];
  /** The user's title, else Claude's own, else the first prompt. At most 200 characters. */
  readonly title: string | null;
  /** The first thing that the user asked. At most 200 characters. */
  readonly firstPrompt: string | null;
  /** `empty` if there is nothing to go on with. */
  readonly standing: Standing;
  /** The session in which Claude Code went on with this one. */
  readonly continuedIn: string | null;
}

/**
 * Reads the two ends of a transcript. Of what is no regular file nothing is known. Throws the system error if
 * it can't be read.
 */
export function describeSession(file: TranscriptFile): Session {
  const transcript = summarizeTranscript(file.path, (directory) => fits(file, directory));
  if (transcript === null) {
    const unknown = { directory: null, directories: [], title: null, firstPrompt: null, continuedIn: null };
    return { ...file, ...unknown, standing: 'empty' };
  }
  const { customTitle, summary, firstPrompt, standing, continuedIn } = transcript;
  const directories = fittingDirectories(file, transcript);
  const [directory = null] = directories;
  const title = customTitle ?? summary ?? firstPrompt;
  return { ...file, directory, directories, title, firstPrompt, standing, continuedIn };
}

/**
 * Where the session was moved to, then where it ran. `cwd` follows every `cd` inside a session, so only
 * directories that fit count.
 */
function fittingDirectories(
  file: TranscriptFile,
  { relocatedDirectory, directories }: TranscriptSummary,
): readonly string[] {
  const recorded = relocatedDirectory === null ? directories : [relocatedDirectory, ...directories];
  return recorded.filter((directory) => fits(file, directory));
}

/** True if the project folder is named after `directory`, or has a name set by hand, which says nothing. */
function fits({ projectFolder }: TranscriptFile, directory: string): boolean {
  return !isSlug(projectFolder) || isNamedAfter(projectFolder, directory);
}

/** How much of a transcript `firstDirectory` reads, in bytes. */
const FIRST_RECORDS = 4096;

/** A `cwd` and its value in a record. In the text of a message its quotes would be escaped. */
const CWD = /"cwd":\s*("(?:[^"\\]|\\.)*")/g;

/**
 * The directory in the first 4 KB of a transcript that its project folder is named after; null if there is
 * none. Costs one small read.
 */
export function firstDirectory(file: TranscriptFile): string | null {
  const start = withRegularFile(file.path, (descriptor) => readAt(descriptor, 0, FIRST_RECORDS).toString('latin1'));
  for (const [, value = ''] of (start ?? '').matchAll(CWD)) {
    const directory = parseText(Buffer.from(value, 'latin1').toString());
    if (directory !== null && isNamedAfter(file.projectFolder, directory)) return directory;
  }
  return null;
}

function parseText(json: string): string | null {
  try {
    return JSON.parse(json) as string;
  } catch {
    return null;
  }
}
