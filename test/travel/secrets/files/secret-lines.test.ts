import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutSecretLines, withoutSecretLinesOf } from '../../../../src/travel/secrets/files/secret-lines.ts';
import { isSecretPath } from '../../../../src/travel/secrets/files/secret-paths.ts';
import { LEFT_OUT } from '../../../../src/travel/secrets/left-out.ts';
import { collect } from '../../../support/chunks.ts';

const without = (...lines: readonly string[]) => withoutSecretLines(lines.join('\n'), isSecretPath).split('\n');

describe('the lines of a file of secrets', () => {
  it.each([
    '.env:A=b',
    './api/.env:12:A=b',
    '/srv/api/.env-12-A=b',
    'C:\\proj\\.env:3:A=b',
    'C:/proj/.env-3-A=b',
    'a-1-b/server.pem-3-MIIE',
    'a-1-b/server.pem:3:MIIE',
    '/home/a b/.ssh/id_rsa:1:x',
    '.env.local:A=http://example.com',
    '2026/prod.env:A=b',
    'cl\u00c3\u00a9s/.env:A=b',
  ])('are those that begin with its path: %j', (line) => {
    expect(without('a.ts:1:x', line, 'b.ts:2:y')).toEqual(['a.ts:1:x', LEFT_OUT, 'b.ts:2:y']);
    expect(without(line)).toEqual([LEFT_OUT]);
    expect(without(line, '')).toEqual([LEFT_OUT, '']);
  });

  it.each([
    '',
    '.env',
    '  .env: is read first',
    'modified:   .env',
    '12:.env:A=b',
    'see .env: it has the port',
    '"server.key": true,',
    'process.env: the environment',
    'src/environment.ts:1:const env = 1;',
    'keyboard.key.tsx:1:x',
    '--- a list',
    'diff of .env',
    'commit 12',
  ])('are no others: %j', (line) => {
    expect(without('a.ts:1:x', line, 'b.ts:2:y')).toEqual(['a.ts:1:x', line, 'b.ts:2:y']);
  });

  it('are all up to the next file where that is named once', () => {
    const diff = ['diff --git a/.env b/.env', 'index 1..2', '--- a/.env', '+++ b/.env', '@@ -1 +1 @@', '-A=b', '+A=c'];
    const next = ['diff --git a/a.ts b/a.ts', '--- a/a.ts', '+++ b/a.ts', '@@ -1 +1 @@', '-a', '+b'];
    const left = [diff[0], LEFT_OUT, diff[2], diff[3], LEFT_OUT];
    expect(without(...diff, ...next)).toEqual([...left, ...next]);
    expect(without(...next, ...diff, 'commit 1234567', 'A=b')).toEqual([...next, ...left, 'commit 1234567', 'A=b']);
    expect(without('diff --git a/.env b/env.md', 'similarity index 90%', '-A=b')[1]).toBe(LEFT_OUT);
    expect(without('--- /dev/null', '+++ b/api/.env\t2026', '+A=b', '--- a\t1', '+++ b\t2', '+c')).toEqual([
      ...['--- /dev/null', '+++ b/api/.env\t2026', LEFT_OUT, '--- a\t1', '+++ b\t2', '+c'],
    ]);
    expect(without('==> .env <==', 'A=b', '', '==> a <==', 'x')).toEqual(['==> .env <==', LEFT_OUT, '==> a <==', 'x']);
    const found = ['a.ts', '1:x', '', 'api/.env', '1:A=b', '2-C=d', '--', '9:E=f', '', 'b.ts', '3:y'];
    expect(without(...found)).toEqual([...found.slice(0, 4), LEFT_OUT, ...found.slice(8)]);
  });

  const line = fc.constantFrom(
    ...['a.ts:1:x', '.env:1:A=b', '.env-2-C', '', 'diff --git a/.env b/.env', 'diff --git a/a b/a', '--- a/.env'],
    ...['+++ b/.env', '--- a', '+++ a', '+x', '==> .env <==', '==> a <==', 'api/.env', 'a.ts', '1:x', '2-y', '--', 'x'],
  );

  it('are the same in a file, however it is read', async () => {
    const lines = fc.array(line, { maxLength: 40 });
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
    const merged = (text: string) => text.replaceAll(`${LEFT_OUT}\n${LEFT_OUT}`, LEFT_OUT);
    await fc.assert(
      fc.asyncProperty(lines, sizes, fc.boolean(), async (each, by, isEnded) => {
        const text = each.join('\n') + (isEnded ? '\n' : '');
        const expected = withoutSecretLines(text, isSecretPath);
        let isChanged = false;
        const blocks: Buffer[] = [];
        for (let at = 0, turn = 0; at < text.length; at += by[turn++ % by.length] ?? 1) {
          blocks.push(Buffer.from(text.slice(at, at + (by[turn % by.length] ?? 1))));
        }
        const note = () => {
          isChanged = true;
        };
        const read = (await collect(withoutSecretLinesOf(blocks, isSecretPath, note))).toString();
        let all = read;
        while (merged(all) !== all) all = merged(all);
        expect(all).toBe(expected);
        expect(isChanged).toBe(expected !== text);
        // What was put there counts as a line of a file, so that more may go the second time.
        const again = withoutSecretLines(expected, isSecretPath).split('\n');
        expect(expected.split('\n')).toEqual(expect.arrayContaining(again));
      }),
      { numRuns: 200 },
    );
  });

  it('are found in a file of any length, and in lines of any length', async () => {
    const [many, long] = ['src/a.ts:1:the key\n'.repeat(80_000), 'x'.repeat(1_500_000)];
    const text = `${many}.env:1:A=b\n${long}\n.env:2:C=d\n${long}`;
    const blocks = Array.from({ length: Math.ceil(text.length / 65_536) }, (_, i) => {
      return Buffer.from(text.slice(i * 65_536, (i + 1) * 65_536));
    });
    const read = (await collect(withoutSecretLinesOf(blocks, isSecretPath, () => {}))).toString();
    expect(read === `${many}${LEFT_OUT}\n${long}\n${LEFT_OUT}\n${long}`).toBe(true);
  });

  it('are looked for in a time that grows with the length of the text', () => {
    const started = performance.now();
    for (const part of ['a', '\n', '-1-', ':', '.env', '--- a\n', '1:\n', 'c\n', '==> ', 'a-1-b\n', '.env:1\n', '\r']) {
      withoutSecretLines(part.repeat(200_000 / part.length), isSecretPath);
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
