import { isUtf8 } from 'node:buffer';
import { win32 } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../../../claude/json-object.ts';
import { removeSecretBackups } from '../../transcript/file-backups.ts';
import { isLatin1 } from '../../transcript/latin1.ts';
import type { JsonRecord } from '../../transcript/record-rules.ts';
import { LEFT_OUT } from '../left-out.ts';
import { type KnownValue, valuesOfEnvText } from '../scan/known-values.ts';
import { secretCommand } from './secret-commands.ts';
import { withoutSecretLines, withoutSecretLinesOf } from './secret-lines.ts';
import { isSecretPath, mayNameSecretPath } from './secret-paths.ts';
import { withoutSecretSelections } from './secret-selections.ts';
import { ToolCall } from './tool-call.ts';

/** How a tool says where the rest of its output is, and how a command in the background is called. */
const OUTPUT_FILE = /[\\/]tool-results[\\/]+([\w.-]{1,200})/g;
const BACKGROUND_FILE = /[\\/]tasks[\\/]+([\w-]{1,64}\.output)\b/g;
const BACKGROUND_ID = /\bbackground\w*(?: by user)? (?:with |\()ID: ([\w-]{3,64})/g;
/** What the user has run at the prompt, and what came of it. */
const [COMMAND_START, COMMAND_END] = ['<bash-input>', '</bash-input>'];
const TYPED_OUTPUT = /^\s*<bash-std(?:out|err)>/;
/** Numbers that `Read` sets before each line, with an arrow that may be decoded as latin1. */
const LINE_NUMBERS = /^ *\d+(?:\t|\u2192|\u00e2\u0086\u0092|:)/gm;
const TYPED_OUTPUT_LEFT_OUT = `<bash-stdout>${LEFT_OUT}</bash-stdout><bash-stderr></bash-stderr>`;
const MOST_VALUES = 5000;

/**
 * Leaves out of a session what its tools showed of files of secrets, and wrote to them. One for a session: it
 * remembers the calls of all its transcripts, and of every pass over them.
 */
export class SecretFiles {
  readonly #leftFiles = new Set<string>();
  readonly #values = new Set<string>();
  /** Calls of tools that name such a file, and whether their result is nothing but lines with values. */
  readonly #calls = new Map<string, boolean>();
  /** What else shows the same: files with output, and commands that still run. */
  readonly #outputs = new Set<string>();
  readonly #seenResults = new Set<string>();
  #typedSecret = false;
  #needsAnotherPass = false;

  /** Files of the session that show one, by their names below `tool-results`. */
  get leftFiles(): ReadonlySet<string> {
    return this.#leftFiles;
  }

  /** Values that such files were seen to hold, in the forms in which they may stand elsewhere. */
  get values(): readonly KnownValue[] {
    return Array.from(this.#values, (value) => ({ kind: 'value from a file of secrets', value }));
  }

  /** Whether a result stood before its call, so that only another pass over the transcripts leaves it out. */
  get needsAnotherPass(): boolean {
    return this.#needsAnotherPass;
  }

  /** A file with output of a tool, without lines of files of secrets. `removed` is told if it has some. */
  ordinaryLines(content: AsyncIterable<Buffer> | Iterable<Buffer>, removed: () => void): AsyncIterable<Buffer> {
    return withoutSecretLinesOf(content, isSecretPath, removed);
  }

  /** Whether lines may have to be taken out of the record in `line`, so that its strings must be whole. */
  mayConcern(line: Buffer): boolean {
    return mayNameSecretPath(line.toString('latin1'));
  }

  /**
   * Changes a record that was tamed, in place. Returns how many of its blocks it changed; null if nothing may
   * stay of it. Its texts may be UTF-8 that was decoded as latin1.
   */
  omitFrom(record: JsonRecord): number | null {
    const { message, cwd } = record;
    if (!isObject(message)) return removeSecretBackups(record, isSecretPath);
    const isInside = typeof cwd === 'string' && isSecretPath(`${cwd}/.`);
    const { content } = message;
    if (typeof content === 'string') {
      const text = this.#textOfUser(record, content);
      message['content'] = text;
      return text === content ? 0 : 1;
    }
    if (!Array.isArray(content)) return 0;
    return content.filter((block) => isObject(block) && this.#omitFromBlock(record, block, isInside)).length;
  }

  #omitFromBlock(record: JsonRecord, block: JsonRecord, isInside: boolean): boolean {
    const { type, text } = block;
    if (typeof type !== 'string') return false;
    if (type.endsWith('tool_use')) return this.#omitFromCall(block, isInside);
    if (type.endsWith('tool_result')) return this.#omitFromResult(block);
    if (type !== 'text' || typeof text !== 'string') return false;
    const kept = this.#textOfUser(record, text);
    block['text'] = kept;
    return kept !== text;
  }

  #omitFromCall(block: JsonRecord, isInside: boolean): boolean {
    const { id, name, input } = block;
    if (typeof id !== 'string') return false;
    const call = new ToolCall(String(name), input, this.#isSecret);
    if (!call.isSecret && !isInside) return false;
    if (this.#seenResults.has(id) && !this.#calls.has(id)) this.#needsAnotherPass = true;
    this.#calls.set(id, call.showsValues);
    this.#leftFiles.add(`${id}.txt`).add(`${id}.json`);
    const written = call.omitWritten();
    for (const text of written) this.#noteValues(text.replace(/^['"]|['"]$/g, ''));
    return written.length > 0;
  }

  #omitFromResult(block: JsonRecord): boolean {
    const { tool_use_id: id, content } = block;
    const texts = textBlocksIn(content);
    const showsValues = typeof id === 'string' ? this.#calls.get(id) : undefined;
    if (showsValues === undefined) {
      if (typeof id === 'string') this.#seenResults.add(id);
      if (typeof content === 'string') return this.#omitLines(block, 'content');
      return texts.filter((each) => this.#omitLines(each, 'text')).length > 0;
    }
    for (const text of typeof content === 'string' ? [content] : texts.map((each) => String(each['text']))) {
      this.#noteOutputs(text);
      for (const [, name = ''] of text.matchAll(OUTPUT_FILE)) this.#leftFiles.add(name);
      if (showsValues) this.#noteValues(text);
    }
    const leftOut = Array.isArray(content) ? [{ type: 'text', text: LEFT_OUT }] : LEFT_OUT;
    if (content === undefined || isDeepStrictEqual(content, leftOut)) return false;
    block['content'] = leftOut;
    return true;
  }

  /** Takes the lines of such files out of what a tool printed, which is `parent[key]`. */
  #omitLines(parent: JsonRecord, key: string): boolean {
    const text = String(parent[key]);
    parent[key] = this.#ordinaryLines(text);
    return parent[key] !== text;
  }

  #ordinaryLines(text: string): string {
    const ordinary = withoutSecretLines(text, isSecretPath);
    // The rest of it may be read, with numbers before its lines. The file itself loses only those lines.
    if (ordinary !== text) this.#noteOutputs(text);
    return ordinary;
  }

  /** What the user said, or Claude Code in the user's name. */
  #textOfUser({ type }: JsonRecord, text: string): string {
    if (type !== 'user') return text;
    const start = text.indexOf(COMMAND_START);
    const end = start === -1 ? -1 : text.indexOf(COMMAND_END, start);
    if (end !== -1) {
      const secret = secretCommand(text.slice(start + COMMAND_START.length, end), this.#isSecret);
      this.#typedSecret = secret !== null;
      return secret === null ? text : `${text.slice(0, start)}${COMMAND_START}${secret.text}${text.slice(end)}`;
    }
    if (TYPED_OUTPUT.test(text)) {
      const isSecret = this.#typedSecret;
      this.#typedSecret = false;
      return isSecret ? TYPED_OUTPUT_LEFT_OUT : this.#ordinaryLines(text);
    }
    return withoutSecretSelections(text);
  }

  readonly #isSecret = (path: string): boolean =>
    isSecretPath(path) || (this.#outputs.size > 0 && this.#outputs.has(win32.basename(path)));

  #noteOutputs(text: string): void {
    for (const pattern of [OUTPUT_FILE, BACKGROUND_FILE, BACKGROUND_ID]) {
      for (const [, name = ''] of text.matchAll(pattern)) this.#outputs.add(name);
    }
  }

  #noteValues(text: string): void {
    for (const value of valuesOfEnvText(asUtf8(text).replace(LINE_NUMBERS, ''), null)) {
      if (this.#values.size < MOST_VALUES) this.#values.add(value);
    }
  }
}

function textBlocksIn(content: unknown): JsonRecord[] {
  return Array.isArray(content) ? content.filter((each) => isObject(each) && typeof each['text'] === 'string') : [];
}

/** A text that may be UTF-8 which was decoded as latin1. */
function asUtf8(text: string): string {
  const bytes = isLatin1(text) ? Buffer.from(text, 'latin1') : null;
  return bytes !== null && isUtf8(bytes) ? bytes.toString('utf8') : text;
}
