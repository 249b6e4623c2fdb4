import { isObject } from '../../claude/json-object.ts';
import { isMachineText, isSaid, promptTexts, typedCommand } from '../../claude/message.ts';
import type { JsonRecord } from './record-rules.ts';

const LONGEST_TEXT = 200;
/** How much of a prompt is looked at, in UTF-16 units or bytes. */
const LOOKED_AT = 4096;
const LONGEST_NAME = 200;
const MOST_NAMES = 1000;
const MOST_DIRECTORIES = 64;
const VERSION = /^\d{1,5}\.\d{1,5}\.\d{1,5}(?:[-+.\w]{0,30})?$/;

/** What the kept records of a main transcript tell of their session. */
export interface TranscriptFacts {
  /** The name that the user gave it, else the one that Claude Code did; null if there is none. */
  readonly title: string | null;
  /** How many prompts a person typed. */
  readonly turns: number;
  /** The last of them, at most 200 characters. */
  readonly lastPrompt: string | null;
  /** When something was last said, in Unix milliseconds. */
  readonly lastChangeMs: number | null;
  /** The Claude Code that last wrote to it. */
  readonly claudeVersion: string | null;
  /** The different `cwd`s, in order, at most 64. */
  readonly directories: readonly string[];
  /** The tools that were called, sorted; those of MCP servers too (`mcp__server__tool`). */
  readonly tools: readonly string[];
  readonly mcpServers: readonly string[];
}

/** Gathers facts from records, in the order of the file. */
export class FactsOfRecords {
  readonly directories: string[] = [];
  #customTitle: string | null = null;
  #givenTitle: string | null = null;
  #turns = 0;
  #lastPrompt: string | null = null;
  #lastChangeMs: number | null = null;
  #version: string | null = null;
  readonly #tools = new Set<string>();

  facts(): TranscriptFacts {
    const tools = [...this.#tools].sort();
    const servers = tools.flatMap((tool) => /^mcp__(.+?)__/.exec(tool)?.[1] ?? []);
    return {
      title: this.#customTitle ?? this.#givenTitle,
      turns: this.#turns,
      lastPrompt: this.#lastPrompt,
      lastChangeMs: this.#lastChangeMs,
      claudeVersion: this.#version,
      directories: this.directories,
      tools,
      mcpServers: [...new Set(servers)],
    };
  }

  /** `asText` decodes a string of the record: records may come decoded as latin1, for speed. */
  note(record: JsonRecord, asText: (text: string) => string): void {
    const { type, cwd, version } = record;
    if (typeof cwd === 'string' && this.directories.length < MOST_DIRECTORIES) {
      const directory = asText(cwd);
      if (!this.directories.includes(directory)) this.directories.push(directory);
    }
    if (typeof version === 'string' && VERSION.test(version)) this.#version = version;
    if (type === 'user' || type === 'assistant') this.#noteMessage(record, asText);
    else this.#noteTitle(record, asText);
  }

  #noteTitle(record: JsonRecord, asText: (text: string) => string): void {
    const { type, customTitle, aiTitle, summary } = record;
    const shown = (text: unknown) => (typeof text === 'string' ? shorten(asText(text.slice(0, LOOKED_AT))) : null);
    if (type === 'custom-title' && typeof customTitle === 'string') this.#customTitle = shown(customTitle);
    if (type === 'ai-title') this.#givenTitle = shown(aiTitle) ?? this.#givenTitle;
    if (type === 'summary') this.#givenTitle ??= shown(summary);
  }

  #noteMessage(record: JsonRecord, asText: (text: string) => string): void {
    const { type, message, timestamp, isSidechain, isMeta, isCompactSummary } = record;
    const time = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
    if (!Number.isNaN(time)) this.#lastChangeMs = Math.max(this.#lastChangeMs ?? time, time);
    if (type === 'assistant') this.#noteTools(message);
    else if (isSidechain !== true && isMeta !== true && isCompactSummary !== true && isSaid(record)) {
      this.#notePrompt(
        promptTexts(message).map((text) => text.slice(0, LOOKED_AT)),
        asText,
      );
    }
  }

  #notePrompt(texts: readonly string[], asText: (text: string) => string): void {
    const typed = texts.find((text) => typedCommand(text) === null && !isMachineText(text) && text.trim() !== '');
    if (typed === undefined) return;
    this.#turns += 1;
    this.#lastPrompt = shorten(asText(typed));
  }

  #noteTools(message: unknown): void {
    const content = isObject(message) ? message['content'] : null;
    if (!Array.isArray(content)) return;
    for (const block of content) {
      if (!isObject(block) || block['type'] !== 'tool_use') continue;
      const { name } = block;
      if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME) continue;
      if (this.#tools.size < MOST_NAMES) this.#tools.add(name);
    }
  }
}

/** `text` trimmed and cut to 200 characters; null if nothing is left. */
function shorten(text: string): string | null {
  const characters = [...text.trim().slice(0, 2 * LONGEST_TEXT + 1)];
  if (characters.length === 0) return null;
  return characters.length <= LONGEST_TEXT ? characters.join('') : `${characters.slice(0, LONGEST_TEXT - 1).join('')}…`;
}
