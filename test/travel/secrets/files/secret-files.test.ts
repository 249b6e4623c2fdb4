import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretFiles } from '../../../../src/travel/secrets/files/secret-files.ts';
import { LEFT_OUT } from '../../../../src/travel/secrets/left-out.ts';
import type { JsonRecord } from '../../../../src/travel/transcript/record-rules.ts';
import { filterTranscript, TranscriptFilter } from '../../../../src/travel/transcript/transcript-filter.ts';
import { collect } from '../../../support/chunks.ts';

const CWD = '/home/alice/proj';
/** What a file of secrets holds, and nothing else does. */
const VALUE = ['zebra', 'Crossing', '4711'].join('-');
const TEXT = `API_KEY=${VALUE}\nPORT=3000\n`;

let number = 0;
const nextId = () => `00000000-0000-4000-8000-${String(++number).padStart(12, '0')}`;

function said(type: 'user' | 'assistant', content: unknown, more: JsonRecord = {}): JsonRecord {
  return { parentUuid: null, type, message: { role: type, content }, uuid: nextId(), cwd: CWD, ...more };
}

const call = (name: string, input: unknown, id = `toolu_${++number}`) => ({ type: 'tool_use', id, name, input });
const result = ({ id }: { readonly id: string }, content: unknown) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});

/** A call and its result, as records. */
function used(name: string, input: unknown, content: unknown, more: JsonRecord = {}): JsonRecord[] {
  const block = call(name, input);
  return [said('assistant', [block], more), said('user', [result(block, content)], more)];
}

/** What is left of records, and how many of their blocks were changed. */
function omit(records: readonly JsonRecord[], files = new SecretFiles()) {
  const kept = structuredClone(records) as JsonRecord[];
  const counts = kept.map((record) => files.omitFrom(record));
  return { files, kept, text: JSON.stringify(kept), count: counts.reduce((sum: number, each) => sum + (each ?? 1), 0) };
}

const numbered = TEXT.replace(/^(?=.)/gm, '     1\u2192');

/** Every way in which tools show or write `.env`: the calls of real sessions with its path in them. */
const SHOWN: readonly [string, readonly JsonRecord[]][] = [
  ['Read', used('Read', { file_path: `${CWD}/.env` }, numbered)],
  ['Read, a part', used('Read', { file_path: `${CWD}/.env`, offset: 1, limit: 5 }, `1\tAPI_KEY=${VALUE}`)],
  ['Read of Windows', used('Read', { file_path: 'C:\\proj\\.env' }, numbered)],
  ['Write', used('Write', { file_path: `${CWD}/.env`, content: TEXT }, `File created successfully at: ${CWD}/.env`)],
  ['Edit', used('Edit', { file_path: `${CWD}/.env`, old_string: 'API_KEY=', new_string: TEXT }, `1\t${TEXT}`)],
  [
    'MultiEdit',
    used(
      'MultiEdit',
      { file_path: `${CWD}/.env`, edits: [{ old_string: 'a', new_string: TEXT }, { new_string: VALUE }] },
      '',
    ),
  ],
  ['NotebookEdit', used('NotebookEdit', { notebook_path: '/x/.ssh/a.ipynb', new_source: TEXT }, TEXT)],
  ['Grep in it', used('Grep', { pattern: 'KEY', path: `${CWD}/.env`, output_mode: 'content' }, `1:API_KEY=${VALUE}`)],
  ['Grep by a glob', used('Grep', { pattern: 'KEY', glob: '.env*', output_mode: 'content' }, `1:API_KEY=${VALUE}`)],
  ['Grep in all', used('Grep', { pattern: 'KEY', output_mode: 'content' }, `src/a.ts:1:KEY\n.env:1:API_KEY=${VALUE}`)],
  ['Grep with context', used('Grep', { pattern: 'P' }, `.env-1-API_KEY=${VALUE}\n.env:2:PORT=3000\n--\nsrc/a.ts-1-a`)],
  ['grep -r', used('Bash', { command: 'grep -r KEY .' }, `./src/a.ts:KEY\n./api/.env:API_KEY=${VALUE}`)],
  [
    'rg --heading',
    used('Bash', { command: 'rg KEY' }, `src/a.ts\n1:KEY\n\n.env\n1:API_KEY=${VALUE}\n2-x\n\nsrc/b.ts\n3:KEY`),
  ],
  [
    'git diff',
    used(
      'Bash',
      { command: 'git diff' },
      `diff --git a/.env b/.env\n--- a/.env\n+++ b/.env\n@@ -0,0 +1 @@\n+A=${VALUE}`,
    ),
  ],
  [
    'diff -u',
    used('Bash', { command: 'diff -ru a b' }, `--- a/.env\t2026\n+++ b/.env\t2026\n@@ -0,0 +1 @@\n+A=${VALUE}`),
  ],
  ['head of several', used('Bash', { command: 'head -n 2 *' }, `==> .env <==\nA=${VALUE}\n\n==> a.ts <==\nlet a`)],
  ['Bash', used('Bash', { command: 'cat .env', description: 'Show it' }, TEXT)],
  ['Bash that writes', used('Bash', { command: `cat > .env <<'EOF'\n${TEXT}EOF` }, '')],
  ['Bash with echo', used('Bash', { command: `echo "API_KEY=${VALUE}" >> .env` }, '')],
  ['an MCP server that reads', used('mcp__files__read_file', { path: '.env' }, [{ type: 'text', text: TEXT }])],
  [
    'one that reads several',
    used('mcp__files__read', { paths: ['a.ts', `${CWD}/.env`] }, [{ type: 'text', text: TEXT }]),
  ],
  ['one that writes', used('mcp__files__write', { target: { file: '.env', lines: [`A=${VALUE}`] } }, 'ok')],
  ['one with a shell', used('mcp__shell__run', { command: 'cat .env' }, [{ type: 'text', text: TEXT }])],
  ['one that runs code', used('mcp__python__run', { code: `open('.env', 'w').write('A=${VALUE}')` }, TEXT)],
  [
    'a file with output',
    [
      ...used(
        'Bash',
        { command: 'cat .env' },
        `<persisted-output>\nFull output saved to: /x/tool-results/b1.txt\n\n${TEXT}`,
      ),
      ...used('Read', { file_path: '/x/tool-results/b1.txt' }, TEXT),
      ...used('Bash', { command: 'tail -n 5 /x/tool-results/b1.txt' }, TEXT),
    ],
  ],
  [
    'a command in the background',
    [
      ...used(
        'Bash',
        { command: 'tail -f .env', run_in_background: true },
        'Command running in background with ID: b7x2. Output is being written to: /tmp/x/tasks/b7x2.output',
      ),
      ...used('BashOutput', { bash_id: 'b7x2' }, `<stdout>${TEXT}</stdout>`),
      ...used('Read', { file_path: '/tmp/x/tasks/b7x2.output' }, TEXT),
    ],
  ],
  ['a directory of secrets', used('Bash', { command: 'cat config' }, TEXT, { cwd: '/home/alice/.aws' })],
  [
    'a command of the user',
    [
      said('user', '<bash-input>cat .env</bash-input>'),
      said('user', `<bash-stdout>${TEXT}</bash-stdout><bash-stderr></bash-stderr>`),
    ],
  ],
  [
    'a selection',
    [
      said('user', [
        {
          type: 'text',
          text: `<ide_selection>The user selected the lines 1 to 2 from ${CWD}/.env:\n${TEXT}</ide_selection>`,
        },
      ]),
    ],
  ],
];

describe('SecretFiles', () => {
  it.each(SHOWN)('leaves out what is shown or written by %s', (_, records) => {
    const { kept, text, count } = omit(records);
    expect(JSON.stringify(records)).toContain(VALUE);
    expect(text).not.toContain(VALUE);
    expect(text).toContain(LEFT_OUT);
    expect(count).toBeGreaterThan(0);
    // Of a call nothing else changes: neither its name, nor its id, nor which file it was.
    for (const [index, { uuid, type }] of kept.entries())
      expect({ uuid, type }).toEqual({ uuid: records[index]?.uuid, type: records[index]?.type });
    expect(omit(kept).count).toBe(0);
  });

  it('leaves what is beside the lines of such a file', () => {
    const shown = [
      'src/a.ts:1:KEY',
      `.env:1:A=${VALUE}`,
      `.env-2-B=${VALUE}`,
      '--',
      'src/b.ts:2:KEY',
      `x/server.pem:1:${VALUE}`,
    ];
    const { kept } = omit(used('Grep', { pattern: 'KEY' }, shown.join('\n')));
    const expected = ['src/a.ts:1:KEY', LEFT_OUT, '--', 'src/b.ts:2:KEY', LEFT_OUT].join('\n');
    expect(kept[1]).toHaveProperty('message.content.0.content', expected);
  });

  it('goes on after the part of a diff that shows one', () => {
    const diff = ['commit 1234567', 'diff --git a/.env b/.env', `+A=${VALUE}`, 'diff --git a/a.ts b/a.ts', '+let a;'];
    const { kept } = omit(used('Bash', { command: 'git show' }, diff.join('\n')));
    const expected = [diff[0], diff[1], LEFT_OUT, diff[3], diff[4]].join('\n');
    expect(kept[1]).toHaveProperty('message.content.0.content', expected);
  });

  it.each([
    ['a file with an ordinary name', used('Read', { file_path: `${CWD}/environment.ts` }, TEXT)],
    [
      'an edit of code',
      used('Edit', { file_path: `${CWD}/a.ts`, old_string: 'process.env', new_string: 'user.key' }, 'ok'),
    ],
    ['a search for code', used('mcp__code__search', { text: 'event.key' }, 'a.ts:1:event.key')],
    ['a command that names none', used('Bash', { command: 'npm test', description: 'Test .env' }, TEXT)],
    ['a list of names', used('Glob', { pattern: '**/.env*' }, `${CWD}/.env\n${CWD}/.env.local`)],
    ['a search for its name', used('Grep', { pattern: '.env' }, 'README.md:1:Copy .env.example to .env')],
    ['a task for a subagent', used('Agent', { description: 'Check .env', prompt: 'Is there a .env?' }, 'Yes.')],
    [
      'what the user says',
      [said('user', 'cat .env shows:\nA=1'), said('assistant', [{ type: 'text', text: '.env: A=1' }])],
    ],
    [
      'other output of the user',
      [said('user', '<bash-input>ls</bash-input>'), said('user', `<bash-stdout>${TEXT}</bash-stdout>`)],
    ],
  ])('changes nothing of %s', (_, records) => {
    expect(omit(records)).toMatchObject({ kept: records, count: 0 });
  });

  it('takes nothing but the content out of what was written', () => {
    const input = { file_path: `${CWD}/.env`, content: TEXT };
    const { kept } = omit(used('Write', input, 'ok'));
    expect(kept[0]).toHaveProperty('message.content.0.input', { ...input, content: LEFT_OUT });
  });

  it('names the files with output that show one', () => {
    const shown = call('Bash', { command: 'cat .env' }, 'toolu_shown');
    const persisted =
      '<persisted-output>\nOutput too large. Full output saved to: C:\\x\\tool-results\\bccoq34fh.txt\n';
    const records = [said('assistant', [shown]), said('user', [result(shown, persisted)])];
    const other = used('Bash', { command: 'seq 9999' }, 'Full output saved to: /x/tool-results/other.txt');
    const { leftFiles } = omit([...records, ...other]).files;
    expect([...leftFiles]).toEqual(expect.arrayContaining(['bccoq34fh.txt', 'toolu_shown.txt']));
    expect(leftFiles.has('other.txt')).toBe(false);
  });

  it('keeps one with lines of such a file, but nothing that was read of it', () => {
    const listed = `Full output saved to: /x/tool-results/grep.txt\n.env:1:A=${VALUE}`;
    const records = [
      ...used('Bash', { command: 'grep -rn A .' }, listed),
      ...used('Read', { file_path: '/x/tool-results/grep.txt' }, `1\t.env:1:A=${VALUE}`),
    ];
    const { files, text } = omit(records);
    expect(files.leftFiles.has('grep.txt')).toBe(false);
    expect(text).not.toContain(VALUE);
  });

  it('leaves out a result that stands before its call in a second pass', () => {
    const records = used('Read', { file_path: '.env' }, TEXT).reverse();
    const { files, text } = omit(records);
    expect(text).toContain(VALUE);
    expect(files.needsAnotherPass).toBe(true);
    expect(omit(records, files).text).not.toContain(VALUE);
    expect(omit(used('Read', { file_path: '.env' }, TEXT)).files.needsAnotherPass).toBe(false);
  });

  it('knows a call of a session in the transcripts of its subagents', () => {
    const [first, second] = used('Read', { file_path: '.env' }, TEXT) as [JsonRecord, JsonRecord];
    const { files } = omit([first]);
    expect(omit([second], files).text).not.toContain(VALUE);
  });

  it('tells the values of a file that was shown or written, wherever it lies', () => {
    const other = ['giraffe', 'Crossing', '0815'].join('-');
    const inIni = ['hippo', 'Crossing', '0816'].join('-');
    const { files } = omit([
      ...used('Bash', { command: 'cat ~/.aws/credentials' }, `[default]\naws_secret_access_key = ${inIni}\n`),
      ...used('Read', { file_path: '/srv/api/.env' }, numbered),
      ...used('Bash', { command: `echo "B=${other}" >> /srv/api/.env` }, ''),
      ...used('Bash', { command: 'source .env && npm test' }, 'CHECKED_FILES=all-of-the-files'),
    ]);
    const values = files.values.map(({ value }) => value);
    expect(values).toEqual(expect.arrayContaining([VALUE, other, inIni]));
    expect(values).not.toContain('all-of-the-files');
  });

  it('removes the backups of such files, and no others', () => {
    const backup = (name: string, realParentDir = CWD) => ({ backupFileName: name, version: 1, realParentDir });
    const tracked = { 'a.ts': backup('a@v1'), 'certs/a.pem': backup('b@v1'), config: backup('c@v1', '/home/a/.ssh') };
    const snapshot = { type: 'file-history-snapshot', messageId: 'm', snapshot: { trackedFileBackups: tracked } };
    const { kept, count } = omit([snapshot]);
    expect(kept[0]).toHaveProperty('snapshot.trackedFileBackups', { 'a.ts': tracked['a.ts'] });
    expect(count).toBe(2);
    const delta = (trackingPath: string) => ({ type: 'file-history-delta', trackingPath, backup: backup('a@v1') });
    expect(new SecretFiles().omitFrom(delta('a.ts'))).toBe(0);
    expect(new SecretFiles().omitFrom(delta('id_rsa'))).toBeNull();
  });

  it('reads any input in a time that grows with its length', () => {
    const started = performance.now();
    let deep: unknown = '.env';
    for (let depth = 0; depth < 20_000; depth += 1) deep = [deep];
    const wide = Array.from({ length: 20_000 }, () => 'a');
    const lines = 'a-1-'.repeat(50_000);
    for (const each of [deep, wide, { command: '<<X\n'.repeat(20_000) }]) {
      new SecretFiles().omitFrom(said('assistant', [call('mcp__a__b', each)]));
    }
    for (const each of [
      lines,
      '.env\n'.repeat(30_000),
      `<ide_selection>${'from '.repeat(38)}`.repeat(15_000),
      `${'<ide_selection>from '.repeat(5000)}:\n`.repeat(3),
      `<ide_selection>from .env:\n`.repeat(20_000),
      '<bash-input>'.repeat(20_000),
      '--- a\n+++ .env\n'.repeat(20_000),
    ]) {
      new SecretFiles().omitFrom(said('user', [result({ id: 'a' }, each), { type: 'text', text: each }]));
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

const SAMPLES = [
  'toolcall/.claude/projects/-home-alice-proj/22222222-2222-4222-8222-222222222222.jsonl',
  'subagent/.claude/projects/-home-alice-proj/33333333-3333-4333-8333-333333333333/subagents/agent-a91be4f6af13cfecb.jsonl',
];
const sample = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../samples/${name}`, import.meta.url)), 'utf8');

async function filtered(transcript: string): Promise<string> {
  const redaction = { mask: null, files: new SecretFiles() };
  const filter = new TranscriptFilter({
    strict: true,
    keepThinking: true,
    rewrite: null,
    newSessionId: null,
    redaction,
  });
  return (await collect(filterTranscript([Buffer.from(transcript)], filter))).toString();
}

describe('a real session that leaves for somebody else', () => {
  it.each(SAMPLES)('loses nothing where it shows no file of secrets: %s', async (name) => {
    const filter = new TranscriptFilter({ strict: true, keepThinking: true, rewrite: null, newSessionId: null });
    const without = (await collect(filterTranscript([Buffer.from(sample(name))], filter))).toString();
    expect(await filtered(sample(name))).toBe(without);
  });

  it.each([
    ['notes.txt', 'title: draft', /title: draft|draft|final/],
    ['hello.txt', 'hello world', /hello world/],
  ])('shows nothing of %s once it is called .env', async (name, content, gone) => {
    const transcript = sample(SAMPLES[0] ?? '');
    expect(transcript).toContain(content);
    const told = (await filtered(transcript.replaceAll(name, '.env')))
      .split('\n')
      .filter((line) => line.includes('tool_'));
    expect(told.join('\n').replaceAll('change draft to final', '')).not.toMatch(gone);
  });

  it.each([0, 40_000, 100_000])('takes a line out of a result of megabytes, behind %i others', async (before) => {
    const line = 'src/a.ts:1:the key to it';
    const shown = [...Array(before).fill(line), `.env:1:A=${VALUE}`, ...Array(120_000 - before).fill(line)].join('\n');
    const records = used('Bash', { command: 'grep -rn key .' }, shown);
    const kept = (await filtered(records.map((record) => `${JSON.stringify(record)}\n`).join(''))).split('\n');
    expect(kept).toHaveLength(3);
    const expected = shown.replace(`.env:1:A=${VALUE}`, LEFT_OUT);
    expect(JSON.parse(kept[1] ?? '').message.content[0].content === expected).toBe(true);
  });

  it('never shows a value that stands in .env alone, whatever the file and the value are called', async () => {
    const value = fc.stringMatching(/^[\w-]{12,40}$/);
    const path = fc.constantFrom(
      '.env',
      '.env.local',
      'api/.env',
      'server.pem',
      '.npmrc',
      '.ssh/id_rsa',
      'a\u00e9/.env',
    );
    const shapes = fc.constantFrom(...SHOWN.map(([, records]) => JSON.stringify(records)));
    const rename = (text: string, file: string) =>
      text.replaceAll('.env', file).replaceAll('\\\\proj\\\\', '\\\\proj/');
    await fc.assert(
      fc.asyncProperty(fc.array(shapes, { minLength: 1, maxLength: 4 }), path, value, async (parts, file, text) => {
        const hidden = `zebra${text}`;
        const records = parts.flatMap((part) => JSON.parse(rename(part, file).replaceAll(VALUE, hidden)));
        const lines = records.map((record: unknown) => `${JSON.stringify(record)}\n`);
        const transcript = await filtered(lines.join(''));
        expect(transcript).toContain('left out by cclink');
        expect(transcript).not.toContain(hidden);
      }),
      { numRuns: 60 },
    );
  });
});
