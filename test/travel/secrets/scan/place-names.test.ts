import { describe, expect, it } from 'vitest';
import type { SessionFileKind } from '../../../../src/claude/session-layout.ts';
import type { Departure } from '../../../../src/travel/leaving/departing-file.ts';
import { namePlaces } from '../../../../src/travel/secrets/scan/place-names.ts';
import { chunked } from '../../../support/chunks.ts';

const VALUE = 'not-a-secret-at-all';
const TIME = { timestamp: '2026-11-20T11:00:00+01:00' };
const AT = '@2026-11-20T10:00:00Z';

function departure(kind: SessionFileKind, name: string, text: string): Departure {
  const bytes = Buffer.from(text);
  const content = () => chunked(bytes, 7) as AsyncIterable<Buffer>;
  return {
    file: { kind, name },
    bytes: bytes.length,
    sha256: '',
    left: [],
    facts: null,
    backupsKept: null,
    content,
    close() {},
  };
}

const transcript = (...records: readonly object[]) =>
  departure('transcript', 'session.jsonl', records.map((record) => `${JSON.stringify(record)}\n`).join(''));

/** What the place on a line of a file is called; its time after an `@`. */
async function nameOf(file: Departure, line: number, all: readonly Departure[] = [file]): Promise<string | undefined> {
  const place = { file: file.file.name, line, value: VALUE };
  const name = (await namePlaces([place], all)).get(place);
  return name && `${name.what}${name.at === null ? '' : ` @${name.at}`}`;
}

const message = (type: 'user' | 'assistant', content: unknown) => ({ type, message: { role: type, content }, ...TIME });
const call = message('assistant', [{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: VALUE } }]);

describe('a place in a transcript', () => {
  it.each<[string, object]>([
    [`a prompt ${AT}`, message('user', `see ${VALUE}`)],
    [`a prompt ${AT}`, message('user', [{ type: 'text', text: VALUE }])],
    [`a note of Claude Code ${AT}`, { ...message('user', VALUE), isMeta: true }],
    [`an answer ${AT}`, message('assistant', [{ type: 'thinking' }, { type: 'text', text: `"${VALUE}"` }])],
    [
      `thinking ${AT}`,
      message('assistant', [
        { type: 'thinking', thinking: VALUE },
        { type: 'text', text: 'x' },
      ]),
    ],
    [`a call of Bash ${AT}`, call],
    [`a picture or document ${AT}`, message('user', [{ type: 'document', source: { data: VALUE } }])],
    [`output of a tool ${AT}`, message('user', [{ type: 'tool_result', tool_use_id: 'toolu_9', content: VALUE }])],
    [`what a record says of itself ${AT}`, { ...message('user', 'hello'), cwd: VALUE }],
    ['a title', { type: 'summary', summary: VALUE }],
    ['a prompt', { type: 'last-prompt', lastPrompt: VALUE }],
    ['the path of a file', { type: 'file-history-delta', trackingPath: VALUE }],
    ['a record', { type: 'something new', text: VALUE }],
  ])('is called: %s', async (name, record) => {
    expect(await nameOf(transcript({ type: 'user' }, record, {}), 2)).toBe(name);
  });

  it('is named after the tool that was called, also in a subagent', async () => {
    const result = message('user', [
      { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: VALUE }] },
    ]);
    const main = transcript(call, result);
    expect(await nameOf(main, 2)).toBe(`output of Bash ${AT}`);
    const agent = { ...main, file: { kind: 'subagent', name: 'subagents/agent-1.jsonl' } } as const;
    expect(await nameOf(agent, 2, [transcript(), agent])).toBe(`output of Bash in a subagent ${AT}`);
  });

  it('is a record, where it can not be read', async () => {
    expect(await nameOf(departure('transcript', 'session.jsonl', 'no json'), 1)).toBe('a record');
    expect(await nameOf(transcript(call), 7)).toBe('a record');
  });
});

describe('a place in a file beside it', () => {
  it('is a line', async () => {
    expect(await nameOf(departure('tool result', 'tool-results/a.txt', `\n${VALUE}`), 2000)).toBe(
      'tool-results/a.txt, line 2,000',
    );
  });

  it('is a backup, of the file that a record names', async () => {
    const name = '0123456789abcdef@v1';
    const snapshot = { trackedFileBackups: { 'src/größe.ts': { backupFileName: name } } };
    const main = transcript({ type: 'file-history-snapshot', snapshot });
    const backup = departure('file history', `file-history/${name}`, VALUE);
    expect(await nameOf(backup, 1, [main, backup])).toBe('a backup of src/größe.ts');
    expect(await nameOf(backup, 1, [transcript(), backup])).toBe('a backup of a file');
  });
});
