import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretFiles } from '../../../src/travel/secrets/files/secret-files.ts';
import { Mask } from '../../../src/travel/secrets/mask/mask.ts';
import {
  type FilterOptions,
  filterTranscript,
  TranscriptFilter,
} from '../../../src/travel/transcript/transcript-filter.ts';
import { chunked, collect } from '../../support/chunks.ts';

const FOREIGN: FilterOptions = { strict: true, keepThinking: true, rewrite: null, newSessionId: null };
const MEGABYTE = 1024 * 1024;
const SECRET = 'se"cret\\of two\nlines';
const PLACEHOLDER = '[masked 1: test key]';

type Json = Record<string, unknown>;

const maskOf = (...values: readonly string[]) =>
  new Mask(
    values.map((value) => ({ kind: 'test key', value })),
    1,
  );
const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const record = (
  role: 'user' | 'assistant',
  number: number,
  parent: number | null,
  content: unknown,
  more: Json = {},
) => ({
  ...{ parentUuid: parent === null ? null : id(parent), type: role, uuid: id(number), cwd: '/home/alice/proj' },
  message: { role, content },
  ...more,
});
const text = (words: string) => ({ type: 'text', text: words });
const thinking = (words: string, signature = 'c2ln') => ({ type: 'thinking', thinking: words, signature });
const jsonl = (...records: readonly unknown[]) =>
  Buffer.from(records.map((each) => `${typeof each === 'string' ? each : JSON.stringify(each)}\n`).join(''));

/** What the filter makes of a transcript; with a mask, if one is given. */
async function filtered(transcript: Buffer, mask?: Mask, more: Partial<FilterOptions> = {}) {
  const redaction = mask && { redaction: { mask, files: new SecretFiles() } };
  const filter = new TranscriptFilter({ ...FOREIGN, ...redaction, ...more });
  const blocks = chunked(transcript, 300_000) as AsyncIterable<Buffer>;
  const output = (await collect(filterTranscript(blocks, filter))).toString();
  const records = () =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Json);
  return { output, records, report: filter.report };
}

const sample = (path: string) => readFileSync(new URL(`../../samples/${path}`, import.meta.url), 'utf8');
const SAMPLES = [
  'toolcall/.claude/projects/-home-alice-proj/22222222-2222-4222-8222-222222222222.jsonl',
  'subagent/.claude/projects/-home-alice-proj/33333333-3333-4333-8333-333333333333.jsonl',
].map((path) =>
  sample(path)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json),
);

/** Words of Claude Code, or of the API: no secret stands there. And a path, of which a record may depend. */
const NAMES = new Set([
  ...['type', 'role', 'name', 'subtype', 'model', 'stop_reason', 'trigger', 'userType', 'entrypoint', 'version'],
  ...['timestamp', 'session_id', 'backupFileName', 'backupTime', 'level', 'signature', 'trackingPath'],
]);
const isName = (key: string) => NAMES.has(key) || /uuid|id$/i.test(key);

/** `value` with its strings changed, but for those that name and link. */
function changed(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => changed(each, change));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, isName(key) ? each : changed(each, change)]);
  return Object.fromEntries(entries);
}

/** JSON in which everything above ASCII is escaped, and slashes. */
const escaped = (json: string) =>
  json
    .replaceAll('/', '\\/')
    .replace(/[^\0-\x7f\ue000]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

describe('a transcript that is masked', () => {
  it('of real sessions is byte for byte as without a mask, but for placeholders where values stood', async () => {
    const odd = fc.constantFrom('"', '\\', '\n', 'é', '語', '😀', '/', 'n', 'u0041', '\u001b[0m', '{"a":1}', ' ');
    const secret = fc.array(odd, { minLength: 6, maxLength: 12 }).map((parts) => `VALUE${parts.join('')}END`);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SAMPLES),
        secret,
        fc.array(fc.nat(3), { minLength: 5, maxLength: 40 }),
        fc.boolean(),
        async (records, value, where, isEscaped) => {
          /** By turns, as `where` says, a text holds the value, in one or two layers of JSON more. */
          const planted = (secret: string) => {
            let turn = 0;
            const lines = records.map((each) => {
              const json = JSON.stringify(
                changed(each, (words) => {
                  const layers = where[turn++ % where.length] ?? 0;
                  if (layers === 0) return words;
                  let inside = `a ${secret}, b`;
                  for (let layer = 1; layer < layers; layer += 1) inside = JSON.stringify({ inside });
                  return `${words} ${inside}`;
                }),
              );
              return isEscaped ? escaped(json) : json;
            });
            return jsonl(...lines);
          };
          const masked = await filtered(planted(value), maskOf(value));
          const plain = await filtered(planted('\ue000'));
          expect(masked.output).toBe(plain.output.replaceAll('\ue000', PLACEHOLDER));
          expect(masked.report.left).toEqual(plain.report.left);
          expect(masked.report.lineage).toEqual(plain.report.lineage);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('has no thinking with a secret, and links that go past it; other thinking stays as it was signed', async () => {
    const transcript = jsonl(
      record('user', 1, null, 'hello'),
      record('assistant', 2, 1, [thinking(`so the password is ${SECRET}`)]),
      record('assistant', 3, 2, [thinking('c2ln', SECRET), thinking('ordinary'), text(`it is ${SECRET}`)]),
      record('assistant', 4, 3, [thinking('ordinary')]),
      record('user', 5, 4, 'go on'),
    );
    const { records, report } = await filtered(transcript, maskOf(SECRET));
    expect(records()).toEqual([
      record('user', 1, null, 'hello'),
      record('assistant', 3, 1, [thinking('ordinary'), text(`it is ${PLACEHOLDER}`)]),
      record('assistant', 4, 3, [thinking('ordinary')]),
      record('user', 5, 4, 'go on'),
    ]);
    expect(report.left).toEqual([
      { what: '2 thinking blocks with secrets', why: 'signed, so that nothing in there may be masked' },
    ]);
  });

  it('has a text where a picture or a document had a secret, and other pictures as they were', async () => {
    const picture = (data: string, type = 'image') => ({
      type,
      source: { type: 'base64', media_type: 'image/png', data },
    });
    const content = (secret: string) => [
      picture(`iVBO${secret}`),
      picture('iVBORw0'),
      { type: 'tool_result', tool_use_id: 't', content: [picture(secret, 'document'), text(secret)] },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: `a ${secret}` } },
    ];
    const { records, report } = await filtered(
      jsonl(record('user', 1, null, content('AKZ1secretsecret'))),
      maskOf('AKZ1secretsecret'),
    );
    const gone = (type: string) => text(`[left out by cclink: this ${type} holds a secret]`);
    const [, other, result, plain] = content(PLACEHOLDER);
    expect(records()).toEqual([
      record('user', 1, null, [
        gone('image'),
        other,
        { ...result, content: [gone('document'), text(PLACEHOLDER)] },
        plain,
      ]),
    ]);
    expect(report.left.map(({ what }) => what)).toEqual(['2 attached files with secrets']);
  });

  it('is masked to the end of its longest lines, and is as without a mask but for that', async () => {
    const transcript = (secret: string) => {
      const long = `${'a "line" of output\n'.repeat(215_000)}${JSON.stringify({ secret })} ${'x'.repeat(100_000)}${secret}`;
      return jsonl(
        record('assistant', 1, null, [
          thinking('ordinary'),
          { type: 'tool_use', id: 't', name: 'Read', input: { long } },
        ]),
        record('user', 2, 1, `x${secret}`),
      );
    };
    const masked = await filtered(transcript(SECRET), maskOf(SECRET));
    const plain = await filtered(transcript('\ue000'));
    expect(masked.output === plain.output.replaceAll('\ue000', PLACEHOLDER)).toBe(true);
    expect(masked.output.length).toBeGreaterThan(4 * MEGABYTE);
    expect(masked.report.left).toEqual(plain.report.left);
  });

  it('has no picture of megabytes with a secret at its end, nor thinking, but the rest of their line', async () => {
    const picture = (data: string) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });
    const [long, secret] = ['iVBORw0K'.repeat(200_000), 'AKZ1secretsecret'];
    const content = [
      text(`${long} ${secret}`),
      picture(`${long}${secret}`),
      picture(long),
      thinking(`${long}${secret}`),
    ];
    const transcript = jsonl(record('assistant', 1, null, content));
    const { records, report } = await filtered(transcript, maskOf(secret));
    const left = [
      text(`${long} ${PLACEHOLDER}`),
      text('[left out by cclink: this image holds a secret]'),
      picture(long),
    ];
    expect(JSON.stringify(records()) === JSON.stringify([record('assistant', 1, null, left)])).toBe(true);
    expect(report.left.map(({ what }) => what)).toEqual([
      '1 attached file with secrets',
      '1 thinking block with secrets',
    ]);
  });

  it('is masked where a line is long by nothing but its secret', async () => {
    const secret = Array.from({ length: 250_000 }, (_, index) => `${index}`).join('-');
    const { records } = await filtered(jsonl(record('user', 1, null, [text(secret), text('more')])), maskOf(secret));
    expect(records()).toEqual([record('user', 1, null, [text(PLACEHOLDER), text('more')])]);
  });

  it('has no record with a value where nothing can be masked, and links that go past it', async () => {
    const transcript = jsonl(
      record('user', 1, null, 'hello'),
      record('assistant', 2, 1, [{ type: 'tool_use', id: 't', name: 'Bash', input: { timeout: 123_456_789_012 } }]),
      record('user', 3, 2, 'x', { promptId: 'the-secret-id' }),
      record('user', 4, 3, 'go on, the-secret-id, 123456789012'),
    );
    const { records, report } = await filtered(transcript, maskOf('123456789012', 'the-secret-id'));
    expect(records()).toEqual([
      record('user', 1, null, 'hello'),
      record('user', 4, 1, 'go on, [masked 2: test key], [masked 1: test key]'),
    ]);
    expect(report.left).toEqual([{ what: '2 records with secrets', why: 'they are where nothing can be masked' }]);
  });

  it('has no record that is nested too deeply to be masked', async () => {
    for (const depth of [2000, 30_000]) {
      const nested = `${'['.repeat(depth)}${JSON.stringify(SECRET)}${']'.repeat(depth)}`;
      const json = JSON.stringify(record('user', 1, null, [{ type: 'x', a: 'here' }])).replace('"here"', nested);
      const { output, report } = await filtered(jsonl(json, record('user', 2, 1, 'hello')), maskOf(SECRET));
      expect(maskOf(SECRET).holds(Buffer.from(output))).toBe(false);
      expect([report.records, output.includes(PLACEHOLDER)]).toEqual(depth === 2000 ? [2, true] : [1, false]);
    }
  });

  it('tells nothing of a secret in what it says of the session', async () => {
    const transcript = jsonl(record('user', 1, null, `my password is ${SECRET}, as you know`), {
      type: 'custom-title',
      customTitle: `with ${SECRET}`,
    });
    const { report } = await filtered(transcript, maskOf(SECRET));
    expect(report.facts).toMatchObject({
      title: `with ${PLACEHOLDER}`,
      lastPrompt: `my password is ${PLACEHOLDER}, as you know`,
    });
  });

  it('starts in its directory where that has a secret in its name', async () => {
    const secret = 'token-1234567';
    const directory = `/home/alice/${secret}`;
    const cwds = [directory, `${directory}/src`, '/somewhere/else'];
    const transcript = jsonl(...cwds.map((cwd, index) => record('user', index, null, 'x', { cwd })));
    const mask = maskOf(secret);
    const here = `/home/alice/${PLACEHOLDER}`;
    expect(mask.inText(directory)).toBe(here);
    const { records } = await filtered(transcript, mask, { directory: here });
    expect(records().map(({ cwd }) => cwd)).toEqual([here, `${here}/src`, here]);
  });
});
