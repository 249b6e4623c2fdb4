import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isSlug, slugOf } from './folders.ts';
import type { SessionFile } from './session-files.ts';
import { readTranscript, type Transcript } from './transcript.ts';

/** A session on this machine. Text in it is as it stands in the transcript: whoever prints it makes it harmless. */
export interface Session extends SessionFile {
  /** The directory that it belongs to, which need not be there any more; null if the transcript doesn't tell. */
  readonly directory: string | null;
  /** The user's title, else Claude's own, else the first prompt. At most 200 characters. */
  readonly title: string | null;
  /** The first thing that the user asked. At most 200 characters. */
  readonly firstPrompt: string | null;
  /** False if nobody said anything in it yet. */
  readonly hasConversation: boolean;
}

/** Looks into a transcript, at its two ends only. One that can't be read is a session of which nothing is known. */
export function describeSession(file: SessionFile): Session {
  const transcript = readSession(file);
  if (transcript === null) return { ...file, directory: null, title: null, firstPrompt: null, hasConversation: false };
  const { customTitle, summary, firstPrompt, hasConversation } = transcript;
  const directory = fittingDirectories(file, transcript)[0] ?? null;
  return { ...file, directory, title: customTitle ?? summary ?? firstPrompt, firstPrompt, hasConversation };
}

/** The directories that the transcript says the session may belong to, likeliest first. */
export function recordedDirectories(file: SessionFile): readonly string[] {
  const transcript = readSession(file);
  return transcript === null ? [] : fittingDirectories(file, transcript);
}

function readSession(file: SessionFile): Transcript | null {
  return readTranscript(file.path, (directory) => fits(file, directory));
}

/**
 * Where the session was moved to, and where it ran: `cwd` follows every `cd` inside a session, so only what fits
 * counts.
 */
function fittingDirectories(file: SessionFile, { relocatedDirectory, directories }: Transcript): readonly string[] {
  const recorded = relocatedDirectory === null ? directories : [relocatedDirectory, ...directories];
  return recorded.filter((directory) => fits(file, directory));
}

/** True if `directory` gives the project folder its name, or that was given by hand and says nothing. */
function fits({ projectFolder }: SessionFile, directory: string): boolean {
  return !isSlug(projectFolder) || slugOf(directory) === projectFolder;
}

/** How much of a transcript `firstDirectory` reads, in bytes. */
const FIRST_RECORDS = 4096;

/** A `cwd` with its value, in a record. In the text of a message its quotes would be escaped. */
const CWD = /"cwd":\s*("(?:[^"\\]|\\.)*")/g;

/** The directory in the first 4 KB of a transcript that gives the project folder its name; null if none does. Costs one small read. */
export function firstDirectory(file: SessionFile): string | null {
  const start = withRegularFile(file.path, (descriptor) => readAt(descriptor, 0, FIRST_RECORDS).toString('latin1'));
  for (const [, value = ''] of (start ?? '').matchAll(CWD)) {
    const directory = parseText(Buffer.from(value, 'latin1').toString());
    if (directory !== null && slugOf(directory) === file.projectFolder) return directory;
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
