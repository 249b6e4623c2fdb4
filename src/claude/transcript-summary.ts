import { lstatSync } from 'node:fs';
import { join, posix, win32 } from 'node:path';
import { readAt, useRegularFile, withRegularFile } from '../files/regular-file.ts';
import { parseObject } from './json-object.ts';
import { isMachineText, isSaid, promptTexts, typedCommand } from './message.ts';
import { holds, type Line, lastLines, type Progress, readForwards } from './transcript-lines.ts';

/** How much is read to find the first prompt, in bytes. */
const HEAD_BYTES = 1024 * 1024;
/** How much is read to find anything at all, in bytes: more is not worth the time that a user waits. */
const MOST_BYTES = 64 * 1024 * 1024;
const TITLE_FILE_BYTES = 16 * 1024;
const LONGEST_TEXT = 200;
const LONGEST_PATH = 4096;
const MOST_DIRECTORIES = 64;
/** For each of them, the transcript may be searched. */
const MOST_SUMMARIES = 16;

/**
 * How likely somebody wants to go on with a session. `typed`: a person said something in it. `automated`:
 * `claude -p`, a program or a team of agents did. `shell`: it holds nothing but `!` lines. `commands`:
 * nothing but local commands (`/clear`, `/exit`). `empty`: nothing that Claude Code resumes.
 */
export type Standing = 'typed' | 'automated' | 'shell' | 'commands' | 'empty';

/**
 * What the beginning and the end of a transcript say about its session. Text is unchanged, control characters
 * included; titles and prompts are cut to 200 characters.
 */
export interface TranscriptSummary {
  /** The different `cwd`s in the records, in order. Absolute paths, of this machine or another. */
  readonly directories: readonly string[];
  /** Where the session was moved to from inside Claude Code. */
  readonly relocatedDirectory: string | null;
  /** The name that the user gave it. */
  readonly customTitle: string | null;
  /** The name that Claude Code gave it. */
  readonly summary: string | null;
  /** The first thing that the user asked; a slash command or a shell line if there is nothing else. */
  readonly firstPrompt: string | null;
  readonly standing: Standing;
  /** The session in which Claude Code went on with this one, so that this one is over. */
  readonly continuedIn: string | null;
}

/**
 * Reads the transcript at `path`. Like Claude Code, it tolerates lines that are blank, cut off or not JSON.
 *
 * Large files are not read whole: the beginning in steps of 64 KB, until the first prompt and the start
 * directory (recognised by `isStart`) are found, and the last lines, 64 KB of them. Lines of more than 256 KB
 * are passed over, but for their ends. Null if it is not a regular file; throws the system error if it can't
 * be read.
 */
export function summarizeTranscript(path: string, isStart: (directory: string) => boolean): TranscriptSummary | null {
  return useRegularFile(path, (descriptor) => {
    const findings = new Findings();
    const isEnough = (progress: Progress) => findings.areEnough(progress, isStart);
    const offset = readForwards(descriptor, (line) => findings.note(line), isEnough);
    const rest = lastLines(descriptor, offset, MOST_BYTES);
    // The title in the separate file is newer than what was seen so far, but not than the last records.
    if (rest.length > 0 || findings.customTitle === null) findings.noteTitle(readTitleBeside(path));
    for (const line of rest) findings.note(line);
    return findings.transcript((uuid) => {
      const value = JSON.stringify(uuid);
      return value.length <= LONGEST_TEXT && holds(descriptor, [`"uuid":${value}`, `"uuid": ${value}`], MOST_BYTES);
    });
  });
}

/** A name that Claude Code gave to the conversation that ends with a record. */
interface Summary {
  readonly text: string | null;
  readonly leafUuid: string | null;
}

/** What was found so far: the first prompt and the last title, in the order of the file. */
class Findings {
  customTitle: string | null = null;
  #directories: string[] = [];
  #relocatedDirectory: string | null = null;
  #continuedIn: string | null = null;
  #aiTitle: string | null = null;
  #summaries: Summary[] = [];
  #prompt: string | null = null;
  #promptOfGiant: string | null = null;
  #command: string | null = null;
  /** The main chain holds something, so that Claude Code resumes it. */
  #hasMainChain = false;
  #isSaid = false;
  #hasShellLine = false;
  /** Something was said, and not by a program. */
  #isTyped = false;
  /** A record is marked as a program's. */
  #isProgram = false;
  #isTeamWorker = false;

  /** `hasRecord` tells whether a record with that `uuid` is in the transcript. */
  transcript(hasRecord: (uuid: string) => boolean): TranscriptSummary {
    return {
      directories: this.#directories,
      relocatedDirectory: this.#relocatedDirectory,
      customTitle: this.customTitle,
      summary: this.#aiTitle ?? this.#summaryOfThis(hasRecord),
      firstPrompt: this.#prompt ?? this.#promptOfGiant ?? this.#command,
      standing: this.#standing(),
      continuedIn: this.#continuedIn,
    };
  }

  /** Older versions wrote the summaries of other sessions of the project here too. */
  #summaryOfThis(hasRecord: (uuid: string) => boolean): string | null {
    const isOfThis = ({ leafUuid }: Summary) => leafUuid === null || hasRecord(leafUuid);
    return this.#summaries.slice(-MOST_SUMMARIES).findLast(isOfThis)?.text ?? null;
  }

  areEnough({ all, ordinary }: Progress, isStart: (directory: string) => boolean): boolean {
    if (all >= MOST_BYTES) return true;
    if (!this.#isSaid || this.#directories.length === 0) return false;
    return ordinary >= HEAD_BYTES || (this.#prompt !== null && this.#directories.some(isStart));
  }

  note(line: Line): void {
    if (line.isGiant) {
      this.#noteGiant(line);
      return;
    }
    const record = parseObject(line.text);
    if (record === null) return;
    const { type, cwd, relocatedCwd, aiTitle, summary, continuedInSessionId } = record;
    if (isDirectory(cwd)) this.#noteDirectory(cwd);
    this.#noteProgram(record);
    if (type === 'user' || type === 'assistant') this.#noteMessage(record);
    if (type === 'relocated' && isDirectory(relocatedCwd)) this.#relocatedDirectory = relocatedCwd;
    if (type === 'continued-in' && typeof continuedInSessionId === 'string') this.#continuedIn = continuedInSessionId;
    if (type === 'custom-title') this.noteTitle(record['customTitle']);
    if (type === 'ai-title' && typeof aiTitle === 'string') this.#aiTitle = shorten(aiTitle);
    if (type === 'summary' && typeof summary === 'string') {
      const { leafUuid } = record;
      this.#summaries.push({ text: shorten(summary), leafUuid: typeof leafUuid === 'string' ? leafUuid : null });
    }
  }

  /** Takes the user's title; an empty one removes the previous one. */
  noteTitle(title: unknown): void {
    if (typeof title === 'string') this.customTitle = shorten(title);
  }

  #standing(): Standing {
    if (!this.#isSaid && this.#hasShellLine) return 'shell';
    if (!this.#isSaid) return this.#hasMainChain ? 'commands' : 'empty';
    return !this.#isTeamWorker && (this.#isTyped || !this.#isProgram) ? 'typed' : 'automated';
  }

  #noteDirectory(directory: string): void {
    if (this.#directories.length < MOST_DIRECTORIES && !this.#directories.includes(directory)) {
      this.#directories.push(directory);
    }
  }

  /** Notes what a record tells about who works in the session. */
  #noteProgram(record: Record<string, unknown>): void {
    if (isProgramMark(record)) this.#isProgram = true;
    const { teamName } = record;
    if (typeof teamName === 'string' && teamName !== '') this.#isTeamWorker = true;
  }

  #noteMessage(record: Record<string, unknown>): void {
    if (record['isSidechain'] === true) return;
    this.#hasMainChain = true;
    if (record['isMeta'] === true) return;
    const texts = promptTexts(record['message']);
    if (texts.some((text) => /^\s*<bash-input>/.test(text))) this.#hasShellLine = true;
    if (isSaid(record)) this.#noteSaid(record);
    if (record['type'] === 'user' && record['isCompactSummary'] !== true) this.#notePrompts(texts);
  }

  #noteSaid(record: Record<string, unknown>): void {
    this.#isSaid = true;
    this.#continuedIn = null;
    if (typeof record['entrypoint'] === 'string' && !isProgramMark(record)) this.#isTyped = true;
  }

  #notePrompts(texts: readonly string[]): void {
    for (const text of texts) {
      const command = typedCommand(text);
      if (command !== null) this.#command ??= shorten(command);
      else if (!isMachineText(text)) this.#prompt ??= shorten(text);
    }
  }

  /** Of a giant only its ends are known. Inside of a text every quotation mark has a backslash before it. */
  #noteGiant({ start, end }: { readonly start: string; readonly end: string }): void {
    const ends = [start, end];
    const has = (part: string) => ends.some((text) => text.includes(part));
    const textAfter = (part: string) => ends.map((text) => stringAfter(text, part)).find((text) => text !== null);
    const directory = stringAfter(end, '"cwd":') ?? stringAfter(start, '"cwd":');
    if (isDirectory(directory)) this.#noteDirectory(directory);
    const record = Object.fromEntries(MARKS.map((key) => [key, textAfter(`"${key}":`)]));
    this.#noteProgram(record);
    const type = ['user', 'assistant'].find((name) => has(`"type":"${name}"`) || has(`"role":"${name}"`));
    if (type === undefined || has('"isSidechain":true')) return;
    this.#hasMainChain = true;
    if (has('"isMeta":true') || /"content":"<(?:local-command-|command-|bash-)/.test(start)) return;
    this.#noteSaid(record);
    const text = type === 'user' && !has('"tool_result"') ? textAfter('"text":') : undefined;
    if (text !== undefined && !isMachineText(text)) this.#promptOfGiant ??= shorten(text);
  }
}

/** The keys that tell who works in a session. */
const MARKS = ['entrypoint', 'promptSource', 'turnOrigin', 'sessionKind', 'teamName'];

/** Whether a record says that a program started the session, or typed its prompt. */
function isProgramMark({ entrypoint, promptSource, turnOrigin, sessionKind }: Record<string, unknown>): boolean {
  return (
    (typeof entrypoint === 'string' && entrypoint.startsWith('sdk-')) ||
    promptSource === 'sdk' ||
    turnOrigin === 'sdk' ||
    sessionKind === 'daemon' ||
    sessionKind === 'daemon-worker'
  );
}

/** The string that follows `key` in JSON that may be cut off; null if there is none. */
function stringAfter(json: string, key: string): string | null {
  const at = json.indexOf(`${key}"`);
  const value = at === -1 ? null : /^"(?:[^"\\]|\\.)*"/.exec(json.slice(at + key.length));
  const text: unknown = value === null ? null : (parseObject(`{"text":${value[0]}}`)?.['text'] ?? null);
  return typeof text === 'string' ? text : null;
}

/** The `customTitle` in `<session-id>/custom-title.json` beside the transcript. */
function readTitleBeside(transcript: string): unknown {
  const folder = transcript.replace(/\.jsonl$/, '');
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const text = withRegularFile(join(folder, 'custom-title.json'), (file) =>
    readAt(file, 0, TITLE_FILE_BYTES).toString(),
  );
  return text === null ? undefined : parseObject(text)?.['customTitle'];
}

function isDirectory(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= LONGEST_PATH &&
    !value.includes('\0') &&
    (posix.isAbsolute(value) || win32.isAbsolute(value))
  );
}

/** `text` trimmed and cut to 200 characters; null if nothing is left. */
function shorten(text: string): string | null {
  const start = text.trimStart().slice(0, 2 * LONGEST_TEXT + 1);
  const characters = [...start.trimEnd()];
  if (characters.length === 0) return null;
  return characters.length <= LONGEST_TEXT ? characters.join('') : `${characters.slice(0, LONGEST_TEXT - 1).join('')}…`;
}
