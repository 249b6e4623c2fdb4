import { basename } from 'node:path';
import { isObject, parseObject } from '../../../claude/json-object.ts';
import { rfc3339 } from '../../../time.ts';
import type { Departure } from '../../leaving/departing-file.ts';
import { ExactValues } from './exact-values.ts';
import type { FoundPlace } from './findings.ts';

const NEWLINE = 0x0a;
const LONGEST_PATH = 200;
/** More than what is looked for in a transcript: a path and a name behind it, or a call's id and its tool. */
const SHARED_BYTES = 1024;

/** A place for a person, who recognizes it by what it is and when it was written. */
export interface NamedPlace {
  /** In words: `output of Bash`. It may hold text of the session: make it printable, and mask it. */
  readonly what: string;
  /** When it was written, in UTC as in RFC 3339; null where nothing says so. */
  readonly at: string | null;
}

/** Says where in a session something was found. `places` are in `departures`. */
export async function namePlaces(
  places: readonly FoundPlace[],
  departures: readonly Departure[],
): Promise<ReadonlyMap<FoundPlace, NamedPlace>> {
  const names = new Map<FoundPlace, NamedPlace>();
  const transcript = departures[0];
  for (const departure of departures) {
    const here = places.filter(({ file }) => file === departure.file.name);
    if (here.length === 0) continue;
    switch (departure.file.kind) {
      case 'transcript':
      case 'subagent':
        for (const [place, name] of await inTranscript(here, departure)) names.set(place, name);
        break;
      case 'file history':
        for (const place of here) names.set(place, { what: await ofBackup(place, transcript), at: null });
        break;
      default:
        for (const place of here) {
          names.set(place, { what: `${place.file}, line ${place.line.toLocaleString('en')}`, at: null });
        }
    }
  }
  return names;
}

async function inTranscript(
  places: readonly FoundPlace[],
  { file, content }: Departure,
): Promise<ReadonlyMap<FoundPlace, NamedPlace>> {
  const lines = await linesOf(content(), new Set(places.map(({ line }) => line)));
  const found = places.map((place) => ({ place, ...partWith(place.value, lines.get(place.line)) }));
  const calls = found.flatMap(({ call }) => (call === null ? [] : [call]));
  const tools = calls.length === 0 ? new Map<string, string>() : await toolsOf(content(), calls);
  const isSubagent = file.kind === 'subagent';
  return new Map(
    found.map(({ place, part, call, at }) => {
      const tool = call === null ? null : (tools.get(call) ?? 'a tool');
      const what = tool === null ? part : `output of ${tool}`;
      return [place, { what: isSubagent ? `${what} in a subagent` : what, at }];
    }),
  );
}

interface Part {
  /** In words; empty for the result of a call. */
  readonly part: string;
  /** The id of the call of which it is the result. */
  readonly call: string | null;
  /** As in `NamedPlace`. */
  readonly at: string | null;
}

/** What a record is that is no message. */
const KINDS: Readonly<Record<string, string>> = {
  summary: 'a title',
  'custom-title': 'a title',
  'ai-title': 'a title',
  'agent-name': 'a title',
  'last-prompt': 'a prompt',
  system: 'a note of Claude Code',
  'file-history-snapshot': 'the path of a file',
  'file-history-delta': 'the path of a file',
};

/** In which part of a record a value stands. */
function partWith(value: string, line: string | undefined): Part {
  const record = parseObject(line ?? '');
  if (record === null) return { part: 'a record', call: null, at: null };
  const { type, message, timestamp, isMeta } = record;
  const time = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  const at = Number.isNaN(time) ? null : rfc3339(BigInt(Math.floor(time / 1000)));
  const of = (part: string) => ({ part, call: null, at });
  if (!isObject(message)) return of(KINDS[String(type)] ?? 'a record');

  const values = new ExactValues([{ kind: '', value }]);
  const { content } = message;
  const blocks = Array.isArray(content) ? content.filter(isObject) : [{ type: 'text', text: content }];
  const block = blocks.find((each) => values.holds(Buffer.from(JSON.stringify(each))));
  switch (block?.['type']) {
    case 'tool_result':
      return { part: '', call: String(block['tool_use_id']), at };
    case 'tool_use':
      return of(`a call of ${String(block['name'])}`);
    case 'thinking':
      return of('thinking');
    case 'text':
      return of(type === 'assistant' ? 'an answer' : isMeta === true ? 'a note of Claude Code' : 'a prompt');
    case undefined:
      return of('what a record says of itself');
    default:
      return of('a picture or document');
  }
}

/** The lines with these numbers, from 1. */
async function linesOf(content: AsyncIterable<Buffer>, numbers: ReadonlySet<number>): Promise<Map<number, string>> {
  const lines = new Map<number, string>();
  const last = Math.max(...numbers);
  let number = 1;
  let pieces: Buffer[] = [];
  for await (const block of content) {
    for (let at = 0; at < block.length; ) {
      const end = block.indexOf(NEWLINE, at);
      const until = end === -1 ? block.length : end;
      if (numbers.has(number)) pieces.push(Buffer.from(block.subarray(at, until)));
      if (end === -1) break;
      if (pieces.length > 0) lines.set(number, Buffer.concat(pieces).toString());
      pieces = [];
      number += 1;
      if (number > last) return lines;
      at = end + 1;
    }
  }
  if (pieces.length > 0) lines.set(number, Buffer.concat(pieces).toString());
  return lines;
}

/** The names of the tools that were called with these ids. */
async function toolsOf(content: AsyncIterable<Buffer>, calls: readonly string[]): Promise<Map<string, string>> {
  const plain = calls.filter((id) => /^[\w-]{1,100}$/.test(id));
  const call = new RegExp(`"id":"(${plain.join('|')})","name":"([^"\\\\]{1,200})"`, 'g');
  const tools = new Map<string, string>();
  for await (const text of overlapping(content)) {
    for (const [, id = '', name = ''] of text.matchAll(call)) tools.set(id, asText(name));
  }
  return tools;
}

/** Of which file it is a backup. */
async function ofBackup({ file }: FoundPlace, transcript: Departure | undefined): Promise<string> {
  const name = basename(file);
  if (transcript !== undefined && /^[\w@]+$/.test(name)) {
    const tracked = new RegExp(`"([^"\\\\]{1,${LONGEST_PATH}})":\\{"backupFileName":"${name}"`);
    for await (const text of overlapping(transcript.content())) {
      const path = tracked.exec(text)?.[1];
      if (path !== undefined) return `a backup of ${asText(path)}`;
    }
  }
  return 'a backup of a file';
}

/** The content in pieces that share enough for what is looked for here, decoded as latin1. */
async function* overlapping(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let tail = '';
  for await (const block of content) {
    const text = tail + block.toString('latin1');
    yield text;
    tail = text.slice(-SHARED_BYTES);
  }
}

const asText = (latin1: string) => Buffer.from(latin1, 'latin1').toString();
