import { join } from 'node:path';
import { projectsFolder } from './folders.ts';
import { isSessionId } from './session-id.ts';

/** A file that belongs to a session. `memory` and `plan` belong to its project too. */
export type SessionFileKind =
  | 'transcript'
  | 'subagent'
  | 'subagent facts'
  | 'tool result'
  | 'title'
  | 'file history'
  | 'task'
  | 'memory'
  | 'plan';

/** Where the files of a session lie. */
export interface SessionPlace {
  /** Claude Code's folder. */
  readonly claudeFolder: string;
  /** The name of the project folder. */
  readonly projectFolder: string;
  readonly sessionId: string;
}

/**
 * A name that is safe on every system: no path, no device of Windows, no dot at either end; at most 100
 * characters, for which a tar header has room.
 */
const PLAIN_NAME = '(?!(?:con|prn|aux|nul|com\\d|lpt\\d)(?:\\.|$))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?';

/**
 * Every kind of file, the names that it has where cclink carries it, and where that is on the disk. A name
 * says nothing of the machine: neither the project's folder nor the session's id is in it.
 */
const LAYOUT: readonly {
  readonly kind: SessionFileKind;
  readonly name: RegExp;
  readonly path: (place: SessionPlace, name: string) => string;
}[] = [
  { kind: 'transcript', name: /^session\.jsonl$/, path: (place) => transcriptPath(place) },
  { kind: 'subagent', name: /^subagents\/agent-[0-9a-z]{1,64}\.jsonl$/, path: besideTranscript },
  { kind: 'subagent facts', name: /^subagents\/agent-[0-9a-z]{1,64}\.meta\.json$/, path: besideTranscript },
  { kind: 'tool result', name: new RegExp(`^tool-results/${PLAIN_NAME}$`, 'i'), path: besideTranscript },
  { kind: 'title', name: /^custom-title\.json$/, path: besideTranscript },
  {
    kind: 'file history',
    name: /^file-history\/[0-9a-f]{16}@v\d{1,6}$/,
    path: ({ claudeFolder, sessionId }, name) => join(claudeFolder, 'file-history', sessionId, lastPart(name)),
  },
  {
    kind: 'task',
    name: /^tasks\/\d{1,6}\.json$/,
    path: ({ claudeFolder, sessionId }, name) => join(claudeFolder, 'tasks', sessionId, lastPart(name)),
  },
  {
    kind: 'memory',
    name: new RegExp(`^memory/${PLAIN_NAME}$`, 'i'),
    path: ({ claudeFolder, projectFolder }, name) => join(projectsFolder(claudeFolder), projectFolder, name),
  },
  {
    kind: 'plan',
    name: new RegExp(`^plans/${PLAIN_NAME}$`, 'i'),
    path: ({ claudeFolder }, name) => join(claudeFolder, name),
  },
];

/** The kind of file that has the carried name `name` (`tool-results/b1.txt`); null if none has. */
export function kindOfName(name: string): SessionFileKind | null {
  return LAYOUT.find((entry) => entry.name.test(name))?.kind ?? null;
}

/**
 * Where the file with the carried name `name` lies, or is to lie. Throws if the name or the id is not one.
 */
export function pathOfName(place: SessionPlace, name: string): string {
  const entry = LAYOUT.find((each) => each.name.test(name));
  if (entry === undefined || !isSessionId(place.sessionId)) throw new TypeError('Not a file of a session.');
  return entry.path(place, name);
}

/** The transcript of a session. */
export function transcriptPath({ claudeFolder, projectFolder, sessionId }: SessionPlace): string {
  return join(projectsFolder(claudeFolder), projectFolder, `${sessionId}.jsonl`);
}

/** The folder of the files that lie beside the transcript. */
export function sessionFolder({ claudeFolder, projectFolder, sessionId }: SessionPlace): string {
  return join(projectsFolder(claudeFolder), projectFolder, sessionId);
}

function besideTranscript(place: SessionPlace, name: string): string {
  return join(sessionFolder(place), name);
}

const lastPart = (name: string) => name.slice(name.indexOf('/') + 1);
