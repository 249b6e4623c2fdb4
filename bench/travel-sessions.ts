import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { slugOf } from '../src/claude/folders.ts';
import { pathOfName, type SessionPlace, transcriptPath } from '../src/claude/session-layout.ts';

/** What a made-up session is like. The same values make the same bytes. */
export interface SessionShape {
  readonly seed: number;
  /** The size of its transcript, to within a turn. */
  readonly bytes: number;
  readonly turns: number;
  /** The share of its bytes in records that never travel: system prompts, logged requests. */
  readonly droppable: number;
  /** How many lines hold an image of the largest size, 12 MB, which is a line of 16 MB. */
  readonly largestImages: number;
}

/** Where such a session was written. */
export interface MadeSession {
  readonly id: string;
  readonly transcript: string;
  /** Sizes in bytes: of the transcript, and of the lines in it that never travel. */
  readonly bytes: number;
  readonly droppableBytes: number;
  /** What some of its prompts show, as one shows a key. */
  readonly shownKey: string;
  /** Its files, relative to the Claude folder, as one would name them to `tar`. */
  readonly files: readonly string[];
}

/** The largest line that travels. */
const LARGEST_LINE = 16 * 1024 * 1024;
const POOL_BYTES = 8 * 1024 * 1024;
const VERSION = '2.1.329';
const FIRST_TIME_MS = Date.UTC(2026, 10, 20, 9);
/** The parts of a turn's conversation: prompt, answer, what the tools gave, and images. */
const [PROMPT, ANSWER, THINKING] = [400, 1500, 2400];
/** One prompt in so many shows a key. */
const PROMPTS_OF_A_KEY = 200;
const SIDE_FILES = { 'tool-results': 20, subagents: 5, 'file-history': 40 };

/**
 * Writes a session of `directory` that looks like those of a new Claude Code: prompts, answers, thinking,
 * files that were read and edited, output of commands, screenshots, and the records between them.
 */
export function writeSession(claudeFolder: string, directory: string, shape: SessionShape): MadeSession {
  const chance = new Chance(shape.seed);
  const pool = new TextPool(chance);
  const id = chance.uuid();
  const place: SessionPlace = { claudeFolder, projectFolder: slugOf(directory), sessionId: id };
  const transcript = transcriptPath(place);
  mkdirSync(dirname(transcript), { recursive: true, mode: 0o700 });
  const file = openSync(transcript, 'wx', 0o600);
  const records = new Records(directory, id, chance, pool);
  const written = { bytes: 0, droppable: 0 };
  const write = (lines: readonly object[], droppable = false) => {
    const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeSync(file, text);
    written.bytes += text.length;
    if (droppable) written.droppable += text.length;
  };
  const dueAt = (turn: number) => Math.floor((turn * shape.largestImages) / shape.turns + 0.5);
  try {
    for (let turn = 0; turn < shape.turns; turn += 1) {
      write(records.prompt(turn));
      // What does not travel stands between a prompt and its answer.
      while (written.droppable < shape.droppable * written.bytes) write([records.dropped()], true);
      if (dueAt(turn + 1) > dueAt(turn)) write(records.screenshot((LARGEST_LINE - 4096) * 0.75));
      const share = (shape.bytes * (turn + 1)) / shape.turns;
      // The rest of the turn's share, less what its answer and the next dropped records will take.
      for (;;) {
        const room = share - written.bytes - ANSWER * 4;
        if (room <= 0) break;
        write(chance.below(40) === 0 && room > 20_000 ? records.screenshot(room / 3) : records.toolCall(room));
        while (written.droppable < shape.droppable * written.bytes) write([records.dropped()], true);
      }
      write(records.answer());
    }
  } finally {
    closeSync(file);
  }
  const side = writeSideFiles(place, records, chance, pool);
  const relative = [transcript, ...side].map((path) => path.slice(claudeFolder.length + 1));
  const { bytes, droppable } = written;
  return { id, transcript, bytes, droppableBytes: droppable, shownKey: records.shownKey, files: relative };
}

/** Writes the files beside the transcript, and returns their paths. */
function writeSideFiles(place: SessionPlace, records: Records, chance: Chance, pool: TextPool): string[] {
  const names: [string, string][] = [];
  for (let i = 0; i < SIDE_FILES['tool-results']; i += 1) {
    names.push([`tool-results/b${chance.hex(8)}.txt`, pool.take(50_000)]);
  }
  for (let i = 0; i < SIDE_FILES.subagents; i += 1) {
    const lines = Array.from({ length: 30 }, () => records.toolCall(8000)).flat();
    names.push([`subagents/agent-a${chance.hex(16)}.jsonl`, lines.map((line) => `${JSON.stringify(line)}\n`).join('')]);
  }
  for (const name of records.backups.slice(0, SIDE_FILES['file-history'])) {
    names.push([`file-history/${name}`, pool.take(10_000)]);
  }
  return names.map(([name, text]) => {
    const path = pathOfName(place, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  });
}

/** Makes the records of a session, each linked to the one before it. */
class Records {
  readonly shownKey: string;
  /** The names of the files that its `file-history` has. */
  readonly backups: string[] = [];
  readonly #directory: string;
  readonly #id: string;
  readonly #chance: Chance;
  readonly #pool: TextPool;
  #last: string | null = null;
  #timeMs = FIRST_TIME_MS;

  constructor(directory: string, id: string, chance: Chance, pool: TextPool) {
    this.#directory = directory;
    this.#id = id;
    this.#chance = chance;
    this.#pool = pool;
    this.shownKey = chance.hex(32);
  }

  prompt(turn: number): object[] {
    const key = turn % PROMPTS_OF_A_KEY === 0 ? ` (${this.shownKey})` : '';
    const text = `${this.#pool.take(PROMPT)}${key}`;
    const uuid = this.#chance.uuid();
    const snapshot = { messageId: uuid, trackedFileBackups: this.#trackedFiles(), timestamp: this.#time() };
    return [
      { type: 'file-history-snapshot', messageId: uuid, snapshot, isSnapshotUpdate: false },
      this.#chained('user', {
        promptId: this.#chance.uuid(),
        message: { role: 'user', content: text },
        uuid,
        permissionMode: 'default',
        origin: { kind: 'human' },
        promptSource: 'typed',
        turnPosition: { promptIndex: turn + 1, turnIndex: turn + 1 },
      }),
      this.#chained('attachment', {
        attachment: { type: 'environment', snapshot: { workingDirectory: this.#directory, platform: 'linux' } },
        rendered: [
          { content: `<system-reminder>\n - Primary working directory: ${this.#directory}\n</system-reminder>` },
        ],
        renderedRole: 'system',
      }),
    ];
  }

  /** A record that never travels. */
  dropped(): object {
    const kind = this.#chance.below(3);
    if (kind === 0) {
      const systemPrompt = Array.from({ length: 10 }, () => this.#pool.take(3000));
      return this.#chained('attachment', { attachment: { type: 'prompt_snapshot', systemPrompt } });
    }
    const common = { sessionId: this.#id, timestamp: this.#time(), version: VERSION };
    if (kind === 1) {
      const tools = Array.from({ length: 12 }, (_, i) => ({ name: `Tool${i}`, description: this.#pool.take(3000) }));
      const shape = { system: [{ type: 'text', text: this.#pool.take(9000) }], tools };
      return { type: 'api-request-shape', ...common, shapeHash: this.#chance.hex(64), shape };
    }
    const message = { role: 'user', content: [{ type: 'text', text: this.#pool.take(12_000) }] };
    return { type: 'api-request-blob', sessionId: this.#id, hash: this.#chance.hex(64), message };
  }

  /** A tool that is called, and what it gave; about `bytes` at most, and 300 KB. */
  toolCall(bytes: number): object[] {
    const chance = this.#chance;
    const size = Math.max(200, Math.min(bytes / 2.5, 500 + chance.below(12_000)));
    const text = this.#pool.take(size);
    const path = `${this.#directory}/src/${this.#pool.word()}/${this.#pool.word()}.ts`;
    if (chance.below(4) === 0) {
      this.#back(path);
      return this.#called('Edit', { file_path: path, old_string: text.slice(0, 400), new_string: text.slice(0, 420) }, [
        `The file ${path} has been updated.`,
        { filePath: path, oldString: text.slice(0, 400), structuredPatch: [], originalFile: text, userModified: false },
      ]);
    }
    if (chance.below(2) === 0) {
      const result = { stdout: text, stderr: '', interrupted: false, isImage: false };
      return this.#called('Bash', { command: `grep -rn ${this.#pool.word()} ${this.#directory}/src` }, [text, result]);
    }
    const numbered = text.replaceAll('\n', '\n   12\t');
    const lines = text.split('\n').length;
    return this.#called('Read', { file_path: path }, [
      numbered,
      { type: 'text', file: { filePath: path, content: text, numLines: lines, startLine: 1, totalLines: lines } },
    ]);
  }

  /** A pasted image of about `bytes`. */
  screenshot(bytes: number): object[] {
    const data = this.#chance.bytes(Math.max(3000, Math.round(bytes))).toString('base64');
    const source = { type: 'base64', media_type: 'image/png', data };
    return [this.#chained('user', { message: { role: 'user', content: [{ type: 'image', source }] }, isMeta: true })];
  }

  answer(): object[] {
    const blocks: object[] = [{ type: 'text', text: this.#pool.take(ANSWER) }];
    if (this.#chance.below(2) === 0) {
      const signature = this.#chance.bytes(600).toString('base64');
      blocks.unshift({ type: 'thinking', thinking: this.#pool.take(THINKING), signature });
    }
    return [
      ...blocks.map((block) => this.#said(block, 'end_turn')),
      this.#chained('system', { subtype: 'turn_duration', durationMs: 20_700, messageCount: 13, isMeta: false }),
      { type: 'last-prompt', lastPrompt: this.#pool.take(120), leafUuid: this.#last, sessionId: this.#id },
    ];
  }

  #called(name: string, input: object, [content, toolUseResult]: [string, object]): object[] {
    const id = `toolu_01${this.#chance.hex(22)}`;
    const call = this.#said({ type: 'tool_use', id, name, input }, 'tool_use');
    const sourceToolAssistantUUID = this.#last;
    const message = { role: 'user', content: [{ tool_use_id: id, type: 'tool_result', content }] };
    return [call, this.#chained('user', { message, toolUseResult, sourceToolAssistantUUID })];
  }

  #said(block: object, reason: string): object {
    const usage = {
      input_tokens: 10,
      cache_creation_input_tokens: 812,
      cache_read_input_tokens: 60_000,
      output_tokens: 5,
    };
    return this.#chained('assistant', {
      message: {
        id: `msg_01${this.#chance.hex(22)}`,
        type: 'message',
        role: 'assistant',
        model: 'claude-opus-5-5',
        content: [block],
        stop_reason: reason,
        stop_sequence: null,
        usage,
      },
      requestId: `req_01${this.#chance.hex(22)}`,
    });
  }

  #chained(type: string, rest: { readonly uuid?: string; readonly [key: string]: unknown }): object {
    const { uuid = this.#chance.uuid(), ...fields } = rest;
    const parentUuid = this.#last;
    this.#last = uuid;
    return {
      parentUuid,
      isSidechain: false,
      type,
      ...fields,
      uuid,
      timestamp: this.#time(),
      userType: 'external',
      entrypoint: 'cli',
      cwd: this.#directory,
      sessionId: this.#id,
      version: VERSION,
      gitBranch: 'main',
    };
  }

  #back(path: string): void {
    const name = `${createHash('sha256').update(path).digest('hex').slice(0, 16)}@v1`;
    if (!this.backups.includes(name) && this.backups.length < 200) this.backups.push(name);
  }

  #trackedFiles(): object {
    const newest = this.backups
      .slice(-5)
      .map((backupFileName, i) => [
        `src/file${i}.ts`,
        { backupFileName, version: 1, backupTime: this.#time(), realParentDir: `${this.#directory}/src` },
      ]);
    return Object.fromEntries(newest);
  }

  #time(): string {
    this.#timeMs += 700;
    return new Date(this.#timeMs).toISOString();
  }
}

/** Words of source code beside which a secret may stand: whoever looks for secrets must look there. */
const WATCHED = ['token', 'apiKey', 'password', 'secret', 'authorization', 'private', 'credentials', 'AWS_KEY'];

/** Text that compresses as source code and prose do: few words at a time, out of many. */
class TextPool {
  readonly #text: string;
  readonly #chance: Chance;
  readonly #words: string[];

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#words = Array.from({ length: 3000 }, () => this.#newWord());
    const parts: string[] = [];
    for (let length = 0; length < POOL_BYTES; ) {
      const part = this.#passage();
      parts.push(part);
      length += part.length;
    }
    this.#text = parts.join('');
  }

  /** A passage of about `length` characters. */
  take(length: number): string {
    const start = this.#chance.below(this.#text.length - Math.round(length));
    return this.#text.slice(start, start + Math.round(length));
  }

  word(): string {
    return this.#words[this.#chance.below(this.#words.length)] ?? 'word';
  }

  /** Some lines about few things, half of them code. */
  #passage(): string {
    const chance = this.#chance;
    const near = [...Array.from({ length: 15 }, () => this.word()), WATCHED[chance.below(WATCHED.length)]];
    const some = () => near[Math.floor(near.length * chance.fraction() ** 3)] ?? 'it';
    const lines = Array.from({ length: 40 }, () => {
      switch (chance.below(8)) {
        case 0:
          return `  const ${some()} = await ${some()}.${some()}(${some()}, { ${some()}: ${chance.below(1000)} });`;
        case 1:
          return `    if (${some()} === undefined) throw new Error('${some()} ${some()} is not ${some()}');`;
        case 2:
          return `import { ${some()}, ${some()} } from './${some()}-${some()}.ts';`;
        case 3:
          return `    "${this.word()}": "${chance.hex(12)}",`;
        case 4:
          return '';
        default:
          return Array.from({ length: 6 + chance.below(12) }, () => (chance.below(5) ? some() : this.word())).join(' ');
      }
    });
    return `${lines.join('\n')}\n`;
  }

  #newWord(): string {
    const syllables = [
      're',
      'con',
      'ta',
      'si',
      'mo',
      'per',
      'lin',
      'ves',
      'ok',
      'dra',
      'fu',
      'ge',
      'ir',
      'na',
      'pol',
      'th',
    ];
    const parts = Array.from({ length: 1 + this.#chance.below(3) }, () => syllables[this.#chance.below(16)]);
    return `${parts.join('')}${'esdlnty'[this.#chance.below(7)]}`;
  }
}

/** Numbers that look random, the same ones for the same seed (xorshift32). */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  #next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  below(limit: number): number {
    return this.#next() % limit;
  }

  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  bytes(length: number): Buffer {
    const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => this.#next());
    return Buffer.from(words.buffer).subarray(0, length);
  }

  hex(digits: number): string {
    return this.bytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits);
  }

  uuid(): string {
    const digits = this.hex(32);
    const parts = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`];
    return `${parts.join('-')}-${digits.slice(20)}`;
  }
}
