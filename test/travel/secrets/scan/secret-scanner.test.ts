import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SecretRule } from '../../../../src/travel/secrets/rules/secret-rule.ts';
import { ExactValues } from '../../../../src/travel/secrets/scan/exact-values.ts';
import { flatten } from '../../../../src/travel/secrets/scan/flat-text.ts';
import { type Finding, SecretScanner } from '../../../../src/travel/secrets/scan/secret-scanner.ts';

const MEGABYTE = 1024 * 1024;

const rule = (kind: string, pattern: RegExp, options: Omit<SecretRule, 'find'>): SecretRule => ({
  ...options,
  *find(text) {
    for (const { 0: match, index } of text.matchAll(pattern)) yield { kind, start: index, end: index + match.length };
  },
});
const TOKEN = rule('token', /\btok_[a-z]{10}[0-9]{6}\b/g, { anchors: ['tok_'], reach: 40 });
const KEY = rule('key', /-----BEGIN KEY-----[^-]*-----END KEY-----/g, { anchors: ['-----begin'] });
const CODE = rule('code', /\bcode-[0-9]{6}\b/g, { anchors: [] });
const NOTHING_KNOWN = new ExactValues([]);

async function scan(scanner: SecretScanner, content: Iterable<Uint8Array>): Promise<Finding[]> {
  const found: Finding[] = [];
  await scanner.scan(content, (finding) => found.push(finding));
  return found;
}

function* inPieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const digits = (number: number) => String(number).padStart(6, '0');
const inJson = (value: unknown) => JSON.stringify(value);

describe('a scan', () => {
  /** A record a line, of a secret each in another depth, so that some stand at every border. */
  const content = (secretOf: (i: number) => string, bytes: number, space: number) => {
    const lines: string[] = [];
    const secrets: string[] = [];
    for (let i = 0, length = 0; length < bytes; i += 1) {
      const secret = secretOf(i);
      let text = `${'words, and\n'.repeat((i * 7919) % space)}${secret}\n`;
      for (let depth = i % 4; depth > 0; depth -= 1) text = inJson(text);
      secrets.push(secret);
      const line = i % 4 === 0 ? text.replaceAll('\n', ' ') : text;
      lines.push(line);
      length += line.length + 1;
    }
    return { source: Buffer.from(lines.join('\n')), secrets };
  };

  it('finds each secret once, in its line, also at the borders of blocks', async () => {
    const { source, secrets } = content((i) => `tok_abcdefghij${digits(i)}`, 2.4 * MEGABYTE, 20);
    expect(secrets.length).toBeGreaterThan(10_000);
    const expected = secrets.map((value, i) => ({ kind: 'token', value, line: i + 1 }));
    const scanner = new SecretScanner([TOKEN], NOTHING_KNOWN);
    for (const size of [4093, 65_536, 3 * MEGABYTE])
      expect(await scan(scanner, inPieces(source, size))).toEqual(expected);
  });

  it('finds each known value once, however long it is', async () => {
    const long = (i: number) => `known-${digits(i)}-${'"quoted" '.repeat(i % 8 === 0 ? 12_000 : 1)}end`;
    const { source, secrets } = content(long, 5 * MEGABYTE, 200);
    const known = new ExactValues(secrets.map((value) => ({ kind: 'known', value })));
    const found = await scan(new SecretScanner([], known), inPieces(source, 100_000));
    expect(found.map(({ value }) => value)).toEqual(secrets);
    expect(found.map(({ line }) => line)).toEqual(secrets.map((_, i) => i + 1));
  });

  it('sees the longest secrets whole', async () => {
    const key = (i: number) => `-----BEGIN KEY-----\n${digits(i)}${'abc\n'.repeat(3900)}-----END KEY-----`;
    const { source, secrets } = content(key, 4 * MEGABYTE, 3000);
    const found = await scan(new SecretScanner([KEY], NOTHING_KNOWN), inPieces(source, 100_000));
    const spaced = secrets.map((secret, i) => (i % 4 === 0 ? secret.replaceAll('\n', ' ') : secret));
    expect(found.map(({ value }) => value)).toEqual(spaced);
  });

  it('finds what is in a line of 16 MB', async () => {
    const filler = 'base64/'.repeat(20_000);
    const secrets = Array.from({ length: 120 }, (_, i) => `tok_abcdefghij${digits(i)}`);
    const line = inJson({ data: secrets.map((secret) => `${filler}"${secret}"`).join('') });
    expect(line.length).toBeGreaterThan(16e6);
    const found = await scan(new SecretScanner([TOKEN], NOTHING_KNOWN), [Buffer.from(`{}\n${line}`)]);
    expect(found).toEqual(secrets.map((value) => ({ kind: 'token', value, line: 2 })));
  });

  it('finds what one finds who looks at all of it at once', async () => {
    const parts = [
      ...['tok_abcdefghij', '123456', 'TOK_', 'code-', 'known', '-value', 'x', ' ', '"', '\\', '\n', '\\n', '\\u0041'],
      ...['-----BEGIN KEY-----', '-----END KEY-----', 'é', '😀', '\x1b[31m', '|'],
    ];
    const text = fc
      .array(fc.constantFrom(...parts), { minLength: 60, maxLength: 120 })
      .map((chosen) => chosen.join(''));
    const known = new ExactValues([
      { kind: 'known', value: 'known-value' },
      { kind: 'longer', value: 'known-value-value"' },
    ]);
    const rules = [TOKEN, CODE, KEY];
    const scanner = new SecretScanner(rules, known);
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1000, max: 300_000 }), async (chosen, size) => {
        const pattern = `${chosen}| tok_abcdefghij123456 |\n`;
        const source = Buffer.from(pattern.repeat(Math.ceil((1.3 * MEGABYTE) / pattern.length)));
        expect(await scan(scanner, inPieces(source, size))).toEqual(await atOnce(rules, known, source));
      }),
      { numRuns: 4 },
    );
  });

  it('finds what is in another coding so that it is found again', async () => {
    const word = rule('password', /(?<=password=)\S+/g, { anchors: ['password='] });
    const source = Buffer.from('password=pa\xdf\xdfw\xf6rd-\xe9\xa9 and more', 'latin1');
    const found = await scan(new SecretScanner([word], NOTHING_KNOWN), [source]);
    expect(found).toHaveLength(1);
    const known = new ExactValues(found);
    const places = [...known.in(flatten(source).bytes)].map(({ start, end }) => source.toString('latin1', start, end));
    expect(places).toEqual(['pa\xdf\xdfw\xf6rd-\xe9\xa9']);
    expect(known.holds(Buffer.from(source.toString('latin1')))).toBe(false);
  });

  it('runs a rule only near its anchors, in any case, and never cuts a word', async () => {
    const seen: string[] = [];
    const spying: SecretRule = {
      anchors: ['secret', 'tok'],
      reach: 10,
      find: (text) => {
        seen.push(text);
        return [];
      },
    };
    const far = '. '.repeat(2000);
    const source = `${far}a_long_word_before SeCrEt a_long_word_behind${far}${far}the tok${far}`;
    await scan(new SecretScanner([spying], NOTHING_KNOWN), [Buffer.from(source)]);
    expect(seen).toEqual(['a_long_word_before SeCrEt a_long_word_behind', '. . . the tok. . . . . ']);
    await scan(new SecretScanner([spying], NOTHING_KNOWN), [Buffer.from(far)]);
    expect(seen).toHaveLength(2);
  });

  it('does not run a rule at an anchor that something else follows', async () => {
    const seen: string[] = [];
    const spying: SecretRule = {
      anchors: ['token'],
      reach: 6,
      mayFollow: (flat, end) => flat[end] === '='.charCodeAt(0),
      find: (text) => {
        seen.push(text);
        return [];
      },
    };
    const far = ' token. '.repeat(2000);
    await scan(new SecretScanner([spying], NOTHING_KNOWN), [Buffer.from(`${far}the TOKEN=value of${far}`)]);
    expect(seen).toEqual(['. the TOKEN=value']);
  });

  it('takes rules that answer later, keeps their order, and names a value after the first', async () => {
    const later = (kind: string, ...parts: [number, number][]): SecretRule => ({
      anchors: [],
      find: async () => parts.map(([start, end]) => ({ kind, start, end })),
    });
    const known = new ExactValues([{ kind: 'known', value: 'fghi' }]);
    const rules = [later('first', [5, 9], [3, 3]), later('second', [5, 9], [0, 2], [5, 8])];
    const found = await scan(new SecretScanner(rules, known), [Buffer.from('abcdefghi')]);
    expect(found.map(({ kind, value }) => [kind, value])).toEqual([
      ['second', 'ab'],
      ['second', 'fgh'],
      ['first', 'fghi'],
    ]);
  });

  it('begins anew with each content, also after one that failed', async () => {
    const scanner = new SecretScanner([TOKEN], NOTHING_KNOWN);
    function* failing() {
      yield Buffer.from('\n\n tok_abcdefghij123456');
      throw new Error('a disk failed');
    }
    await expect(scan(scanner, failing())).rejects.toThrow('a disk failed');
    const expected = [{ kind: 'token', value: 'tok_abcdefghij123456', line: 1 }];
    const pieces = [Buffer.from('tok_abcdef'), Buffer.from('ghij123456')];
    expect(await Promise.all([scan(scanner, pieces), scan(scanner, pieces)])).toEqual([expected, expected]);
    expect(await scan(scanner, [])).toEqual([]);
  });

  it('takes no more memory for a long content than for a short one', () => {
    const script = `
      import { readFileSync } from 'node:fs';
      import { ExactValues } from '${join(import.meta.dirname, '../../../../src/travel/secrets/scan/exact-values.ts')}';
      import { SecretScanner } from '${join(import.meta.dirname, '../../../../src/travel/secrets/scan/secret-scanner.ts')}';
      const rule = { anchors: ['tok_'], find: (text) => [...text.matchAll(/tok_[0-9]{6}/g)].map(({ index }) =>
        ({ kind: 'token', start: index, end: index + 10 })) };
      const scanner = new SecretScanner([rule], new ExactValues([{ kind: 'known', value: 'a-known-value' }]));
      const [some, none] = ['tok_123456 a-known-value', 'tok_12345, a-known-thing'].map((text) =>
        JSON.stringify({ text: 'words\\n "in" \\n' + text }).padEnd(256));
      const block = Buffer.from((some + none.repeat(63)).repeat(16));
      function* blocks(count) { for (let i = 0; i < count; i += 1) yield block; }
      let found = 0;
      const peakAfter = async (count) => {
        await scanner.scan(blocks(count), () => { found += 1; });
        return process.resourceUsage().maxRSS / 1024;
      };
      const [short, long] = [await peakAfter(24), await peakAfter(120)];
      console.log(JSON.stringify({ found, growth: long - short }));
    `;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    const { found, growth } = JSON.parse(stdout);
    expect(found).toBe(2 * 16 * (24 + 120));
    expect(growth).toBeLessThan(40);
  });
});

/** The same from a single piece, by all rules. */
async function atOnce(rules: readonly SecretRule[], known: ExactValues, source: Buffer): Promise<Finding[]> {
  const { bytes, sourceOffset } = flatten(source);
  const text = bytes.toString('latin1');
  const hits: { kind: string; start: number; end: number }[] = [];
  for (const each of rules) for (const hit of await each.find(text)) hits.push(hit);
  for (const { index, start, end } of known.in(bytes)) hits.push({ kind: known.kindOf(index), start, end });
  let [line, at] = [1, 0];
  return hits
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map(({ kind, start, end }) => {
      const to = sourceOffset(start);
      for (; at < to; at += 1) if (source[at] === 0x0a) line += 1;
      return { kind, value: bytes.toString('utf8', start, end), line };
    });
}
