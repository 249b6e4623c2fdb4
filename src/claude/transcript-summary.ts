import { fstatSync, lstatSync } from 'node:fs';
import { join, posix, win32 } from 'node:path';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isObject, parseObject } from './json-object.ts';

const STEP_BYTES = 64 * 1024;
const HEAD_BYTES = 1024 * 1024;
const TITLE_FILE_BYTES = 16 * 1024;
const LONGEST_TEXT = 200;
const LONGEST_PATH = 4096;
const MOST_DIRECTORIES = 64;

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
  /** False if nobody said anything in it: there is nothing to resume. */
  readonly hasConversation: boolean;
}

/**
 * Reads the transcript at `path`. Like Claude Code, it tolerates lines that are blank, cut off or not JSON.
 *
 * Large files are not read whole: at most 1 MB from the beginning, in steps of 64 KB until the first prompt
 * and the start directory (recognised by `isStart`) are found, and the last 64 KB. Null if it is not a
 * regular file, or can't be read.
 */
export function summarizeTranscript(path: string, isStart: (directory: string) => boolean): TranscriptSummary | null {
  return withRegularFile(path, (descriptor) => {
    const { size } = fstatSync(descriptor);
    const findings = new Findings();
    // Bytes as Latin-1, because a step may end inside a character: a line is decoded once it is complete.
    let rest = '';
    let offset = 0;
    while (offset < size && offset < HEAD_BYTES && !findings.hasEnough(isStart)) {
      const bytes = readAt(descriptor, offset, STEP_BYTES).toString('latin1');
      if (bytes === '') break;
      offset += bytes.length;
      const lines = (rest + bytes).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) findings.note(line);
    }
    const readWhole = offset >= size;
    if (readWhole) findings.note(rest);
    // The title in the separate file is newer than what was seen so far, but not than the last records.
    if (!readWhole || findings.customTitle === null) findings.noteTitle(readTitleBeside(path));
    if (!readWhole) {
      const lineStart = offset - rest.length;
      const tailStart = Math.max(lineStart, size - STEP_BYTES);
      const lines = readAt(descriptor, tailStart, STEP_BYTES).toString('latin1').split('\n');
      for (const line of tailStart > lineStart ? lines.slice(1) : lines) findings.note(line);
      findings.hasConversation = true;
    }
    return findings.transcript();
  });
}

/** What was found so far: the first prompt and the last title, in the order of the file. */
class Findings {
  customTitle: string | null = null;
  hasConversation = false;
  #directories: string[] = [];
  #relocatedDirectory: string | null = null;
  #aiTitle: string | null = null;
  #summary: string | null = null;
  #prompt: string | null = null;
  #command: string | null = null;

  transcript(): TranscriptSummary {
    return {
      directories: this.#directories,
      relocatedDirectory: this.#relocatedDirectory,
      customTitle: this.customTitle,
      summary: this.#aiTitle ?? this.#summary,
      firstPrompt: this.#prompt ?? this.#command,
      hasConversation: this.hasConversation,
    };
  }

  hasEnough(isStart: (directory: string) => boolean): boolean {
    return this.#prompt !== null && this.#directories.some(isStart);
  }

  /** Takes one line as Latin-1, one character per byte. */
  note(line: string): void {
    const record = parseObject(Buffer.from(line, 'latin1').toString());
    if (record === null) return;
    const { type, cwd, relocatedCwd, aiTitle, summary } = record;
    if (isDirectory(cwd) && !this.#directories.includes(cwd) && this.#directories.length < MOST_DIRECTORIES) {
      this.#directories.push(cwd);
    }
    if (type === 'user' || type === 'assistant') this.hasConversation = true;
    if (type === 'user') this.#notePrompt(record);
    if (type === 'relocated' && isDirectory(relocatedCwd)) this.#relocatedDirectory = relocatedCwd;
    if (type === 'custom-title') this.noteTitle(record['customTitle']);
    if (type === 'ai-title' && typeof aiTitle === 'string') this.#aiTitle = shorten(aiTitle);
    if (type === 'summary' && typeof summary === 'string') this.#summary = shorten(summary);
  }

  /** Takes the user's title; an empty one removes the previous one. */
  noteTitle(title: unknown): void {
    if (typeof title === 'string') this.customTitle = shorten(title);
  }

  #notePrompt(record: Record<string, unknown>): void {
    if (record['isMeta'] === true || record['isCompactSummary'] === true || record['isSidechain'] === true) return;
    for (const text of promptTexts(record['message'])) {
      const command = typedCommand(text);
      if (command !== null) this.#command ??= shorten(command);
      else if (!isMachineText(text)) this.#prompt ??= shorten(text);
    }
  }
}

/** The texts of a user's message; none if it carries the result of a tool. */
function promptTexts(message: unknown): string[] {
  const content = isObject(message) ? message['content'] : undefined;
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  const blocks = content.filter(isObject);
  if (blocks.some(({ type }) => type === 'tool_result')) return [];
  return blocks.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
}

/** A slash command or a `!` line as it was typed, without the tags in which Claude Code keeps them. */
function typedCommand(text: string): string | null {
  if (!/^\s*<(?:command-|bash-input>)/.test(text)) return null;
  const shell = between(text, 'bash-input');
  if (shell !== null) return `! ${shell}`;
  const name = between(text, 'command-name');
  return name === null ? null : `${name} ${between(text, 'command-args') ?? ''}`;
}

function between(text: string, tag: string): string | null {
  const start = text.indexOf(`<${tag}>`);
  const end = text.indexOf(`</${tag}>`, start);
  return start === -1 || end === -1 ? null : text.slice(start + tag.length + 2, end).trim();
}

/** What Claude Code writes in the user's name: reminders and output in tags, caveats, interruption notes. */
function isMachineText(text: string): boolean {
  return /^\s*(?:<[a-z][\w-]*[\s>]|\[Request interrupted by user|Caveat: The messages below were generated)/.test(text);
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
