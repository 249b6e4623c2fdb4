import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PathPair } from '../../../src/travel/paths/path-pair.ts';
import { pairsOfMove, pathRewrite } from '../../../src/travel/paths/path-rewrite.ts';

const ALICE = '/home/alice';
const BOB = '/srv/bob';
const PAIRS: readonly PathPair[] = [
  { from: `${ALICE}/proj`, to: `${BOB}/work` },
  { from: ALICE, to: BOB },
  { from: `${ALICE}/.claude/projects/-home-alice-proj`, to: `${BOB}/.claude/projects/-srv-bob-work` },
];
const WINDOWS: readonly PathPair[] = [
  { from: 'C:\\Users\\alice\\proj', to: `${BOB}/work` },
  { from: 'C:\\Users\\alice', to: BOB },
];
const there = (pairs = PAIRS) => pathRewrite({ pairs, fromPlatform: 'linux', toPlatform: 'darwin' });
const back = (pairs = PAIRS) => there(pairs.map(({ from, to }) => ({ from: to, to: from })));
const fromWindows = pathRewrite({ pairs: WINDOWS, fromPlatform: 'win32', toPlatform: 'linux' });
const toWindows = pathRewrite({
  pairs: WINDOWS.map(({ from, to }) => ({ from: to, to: from })),
  fromPlatform: 'linux',
  toPlatform: 'win32',
});

const inText = (rewrite: ReturnType<typeof there>, json: string) => rewrite.inJson(Buffer.from(json)).toString();
const inValue = (rewrite: ReturnType<typeof there>, value: unknown) =>
  JSON.parse(inText(rewrite, JSON.stringify(value)));

describe('a path', () => {
  it.each([
    ['/home/alice/proj', '/srv/bob/work'],
    ['/home/alice/proj/', '/srv/bob/work/'],
    ['/home/alice/proj/a/b.ts:10:5', '/srv/bob/work/a/b.ts:10:5'],
    ['See /home/alice/proj. Then', 'See /srv/bob/work. Then'],
    ['Is it in /home/alice/proj?', 'Is it in /srv/bob/work?'],
    ['in /home/alice/proj...', 'in /srv/bob/work...'],
    ['a\n/home/alice/proj\nb\t/home/alice/proj\tc', 'a\n/srv/bob/work\nb\t/srv/bob/work\tc'],
    ['“/home/alice/proj”, 在/home/alice/proj。', '“/srv/bob/work”, 在/srv/bob/work。'],
    ['/usr/bin:/home/alice/bin:/bin', '/usr/bin:/srv/bob/bin:/bin'],
    ['+/home/alice/proj/x', '+/srv/bob/work/x'],
    ['@/home/alice/proj/x', '@/srv/bob/work/x'],
    ['cc -I/home/alice/proj/include', 'cc -I/srv/bob/work/include'],
    ['\u001b[01;34m/home/alice/proj\u001b[0m', '\u001b[01;34m/srv/bob/work\u001b[0m'],
    ['file:///home/alice/proj/a.ts', 'file:///srv/bob/work/a.ts'],
    ['/home/alice/.claude/projects/-home-alice-proj/1.jsonl', '/srv/bob/.claude/projects/-srv-bob-work/1.jsonl'],
    ['{"path":"/home/alice/proj/a\\nb"}', '{"path":"/srv/bob/work/a\\nb"}'],
    ['/home/alice/proj2', '/srv/bob/proj2'],
    ['/home/alice/proj.git', '/srv/bob/proj.git'],
    ['/home/alice/proj-old and /home/alice/projé', '/srv/bob/proj-old and /srv/bob/projé'],
    ['/home/alicent/proj', '/home/alicent/proj'],
    ['/mnt/home/alice/proj', '/mnt/home/alice/proj'],
    ['./home/alice/proj and ~/home/alice', './home/alice/proj and ~/home/alice'],
    ['%2Fhome%2Falice%2Fproj', '%2Fhome%2Falice%2Fproj'],
    ['//home/alice/proj', '//home/alice/proj'],
  ])('in %j becomes %j', (text, expected) => {
    expect(inValue(there(), { text, [text]: [text] })).toEqual({ text: expected, [expected]: [expected] });
  });

  it('is found however its signs are escaped, also in JSON in JSON', () => {
    const json = String.raw`{"a":"\/home\/alice\/proj\/x","b":"\u002fhome/alice/pro\u006a","c":"\\/home\\/alice\\/proj\\/x"}`;
    const rewritten = inText(there(), json);
    expect(JSON.parse(rewritten)).toEqual({
      a: '/srv/bob/work/x',
      b: '/srv/bob/work',
      c: String.raw`\/srv\/bob\/work\/x`,
    });
    expect(rewritten).toContain(String.raw`"\/srv\/bob\/work\/x"`);
  });

  it('is found composed and decomposed', () => {
    const rewrite = there([{ from: '/Users/zoë/Café', to: '/home/zoe/cafe' }]);
    for (const form of ['NFC', 'NFD']) {
      expect(inValue(rewrite, { cwd: '/Users/zoë/Café/x'.normalize(form) })).toEqual({ cwd: '/home/zoe/cafe/x' });
    }
    expect(inText(rewrite, String.raw`{"cwd":"/Users/zo\u00eb/Caf\u00e9/x"}`)).toBe('{"cwd":"/home/zoe/cafe/x"}');
  });

  it('with signs that JSON escapes is found, and written escaped', () => {
    const rewrite = there([{ from: '/home/a/"x"\\y', to: '/home/b/"z"\t' }]);
    expect(
      inValue(rewrite, { cwd: '/home/a/"x"\\y/f', more: JSON.stringify({ cwd: '/home/a/"x"\\y' }) }),
    ).toMatchObject({
      cwd: '/home/b/"z"\t/f',
    });
  });

  it('goes to the root of a disk, also with what follows it', () => {
    const toRoot = there([{ from: `${ALICE}/proj`, to: '/' }]);
    expect(inValue(toRoot, 'cd /home/alice/proj\n/home/alice/proj/src/a.ts')).toBe('cd /\n/src/a.ts');
    expect(inText(toRoot, String.raw`{"a":"\/home\/alice\/proj\/src"}`)).toBe(String.raw`{"a":"\/src"}`);
    const toDrive = pathRewrite({ pairs: [{ from: '/srv', to: 'D:\\' }], fromPlatform: 'linux', toPlatform: 'win32' });
    expect([toDrive.inPath('/srv'), toDrive.inPath('/srv/a/b')]).toEqual(['D:\\', 'D:\\a\\b']);
    const fromDrive = pathRewrite({ pairs: [{ from: 'C:\\a', to: '/' }], fromPlatform: 'win32', toPlatform: 'linux' });
    expect([fromDrive.inPath('C:\\a'), fromDrive.inPath('C:\\a\\b\\c')]).toEqual(['/', '/b/c']);
  });

  it('of a pair that is the root, relative or empty is left alone', () => {
    const pairs = ['/', '//', '', 'home', '.', '\\'].map((from) => ({ from, to: '/x' }));
    const json = Buffer.from(JSON.stringify({ cwd: '/home/alice/proj', home: '.' }));
    expect(there(pairs).inJson(json)).toBe(json);
  });

  it('leaves the bytes of everything else alone', () => {
    const json =
      '{ "z":1.0, "a":12345678901234567890,"2":-0,"1":1e5, "__proto__":"\\u0041",\t"cwd":"/home/alice/proj" }';
    expect(inText(there(), json)).toBe(json.replace('/home/alice/proj', '/srv/bob/work'));
    const other = Buffer.from('{"cwd":"/usr/src"}\n');
    expect(there().inJson(other)).toBe(other);
  });

  it('can be there many times, and among a million backslashes, without taking long', () => {
    const rewrite = pathRewrite({
      pairs: [
        { from: '\\\\server\\\\\\\\share', to: '/share' },
        { from: 'C:\\\\\\\\a', to: '/a' },
      ],
      fromPlatform: 'win32',
      toPlatform: 'linux',
    });
    const started = performance.now();
    const text = `${'\\'.repeat(1_000_000)} \\u0041${'C:/a '.repeat(200_000)}`;
    expect(inValue(rewrite, { text }).text).toHaveLength(1_000_000 + 7 + 600_000);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('can not be used to make a text many times larger', () => {
    const json = Buffer.from(JSON.stringify({ text: '/a:'.repeat(1_000_000) }));
    expect(() => there([{ from: '/a', to: `/${'b'.repeat(200)}` }]).inJson(json)).toThrow(/many times larger/);
  });

  it('is not looked for where it is longer or deeper than paths are: that can take minutes', () => {
    const pairs = [`${'/a'.repeat(8000)}/b`, `/b${'/a'.repeat(8000)}`, `/${'x'.repeat(16_000)}`, '/a'.repeat(100)];
    const rewrite = there(pairs.map((from) => ({ from, to: '/b' })));
    const started = performance.now();
    for (const text of ['/a'.repeat(30_000), `x\\/${'/a'.repeat(1000)}`]) {
      const json = Buffer.from(JSON.stringify({ text }));
      expect(rewrite.inJson(json)).toBe(json);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('a path of Windows', () => {
  it.each([
    ['C:\\Users\\alice\\proj\\My Dir\\x.ts', '/srv/bob/work/My Dir/x.ts'],
    ['c:\\Users\\alice\\proj', '/srv/bob/work'],
    ['at f (C:\\Users\\alice\\proj\\app\\(shop)\\[id]\\a.ts:1:2)', 'at f (/srv/bob/work/app/(shop)/[id]/a.ts:1:2)'],
    ['C:/Users/alice/proj/a/b and /c/Users/alice/proj/a', '/srv/bob/work/a/b and /srv/bob/work/a'],
    ['file:///C:/Users/alice/proj/a', 'file:///srv/bob/work/a'],
    ['x\nC:\\Users\\alice\\new\\y', 'x\n/srv/bob/new/y'],
    [JSON.stringify({ a: 'C:\\Users\\alice\\proj\\n', b: '\n' }), JSON.stringify({ a: '/srv/bob/work/n', b: '\n' })],
    ['C:\\Users\\alice\\proj2 XC:\\Users\\alice', '/srv/bob/proj2 XC:\\Users\\alice'],
    ['/mnt/c/Users/alice/proj', '/mnt/c/Users/alice/proj'],
    ['D:\\Users\\alice\\proj', 'D:\\Users\\alice\\proj'],
  ])('%j becomes %j', (text, expected) => {
    expect(inValue(fromWindows, { text, [text]: 1 })).toEqual({ text: expected, [expected]: 1 });
  });

  it.each([
    ['/srv/bob/work/My Dir/x.ts', 'C:\\Users\\alice\\proj\\My Dir\\x.ts'],
    [
      'at /srv/bob/work/a/b.ts:1 and /srv/bob/c d/e',
      'at C:\\Users\\alice\\proj\\a\\b.ts:1 and C:\\Users\\alice\\c d/e',
    ],
    ['file:///srv/bob/work/a', 'file:///C:/Users/alice/proj/a'],
    ['/srv/bob/bin/x --out /etc/y', 'C:\\Users\\alice\\bin\\x --out /etc/y'],
    [JSON.stringify({ a: '/srv/bob/work/x' }), JSON.stringify({ a: 'C:\\Users\\alice\\proj\\x' })],
  ])('%j becomes %j on the way back', (text, expected) => {
    expect(inValue(toWindows, { text })).toEqual({ text: expected });
  });

  it('on a share is found', () => {
    const pairs = [{ from: '\\\\server\\share\\proj', to: '/srv/proj' }];
    const rewrite = pathRewrite({ pairs, fromPlatform: 'win32', toPlatform: 'linux' });
    const text = '\\\\server\\share\\proj\\a //server/share/proj/b';
    expect(inValue(rewrite, { text, more: JSON.stringify({ text }) })).toEqual({
      text: '/srv/proj/a /srv/proj/b',
      more: JSON.stringify({ text: '/srv/proj/a /srv/proj/b' }),
    });
  });

  it('goes to another drive with the separators that it had', () => {
    const pairs = [{ from: 'C:\\a', to: 'D:\\b\\c' }];
    const rewrite = pathRewrite({ pairs, fromPlatform: 'win32', toPlatform: 'win32' });
    expect(inValue(rewrite, { text: 'C:\\a\\x C:/a/x' })).toEqual({ text: 'D:\\b\\c\\x D:/b/c/x' });
  });
});

describe('rewriting', () => {
  /** Texts full of paths, near misses and what may stand around them. None holds a path of the other side. */
  const piece = fc.oneof(
    fc.constantFrom(
      ...PAIRS.map(({ from }) => from),
      '/home',
      'alice',
      '/proj',
      '/',
      '\\',
      '"',
      '.',
      ':',
      '2',
      'é',
      '-',
    ),
    fc.constantFrom(
      '\n',
      '\t',
      ' ',
      '//',
      'file://',
      '\\/',
      '\\u002f',
      '\u001b[0m',
      '中',
      '\u2028',
      '😀',
      'u002f',
      'n',
    ),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const { tree: value } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, text, fc.double(), fc.constant(null), tie('list'), tie('object')),
    list: fc.array(tie('tree'), { maxLength: 3 }),
    object: fc.dictionary(text, tie('tree'), { maxKeys: 3 }),
  }));
  /** JSON in JSON, and signs escaped that need not be. */
  const nested = fc.tuple(value, fc.nat(2)).map(([inner, depth]) => {
    let json: unknown = inner;
    for (let level = 0; level < depth; level += 1) json = { json: JSON.stringify(json) };
    return JSON.stringify(json);
  });
  const escapedMore = fc.tuple(nested, fc.infiniteStream(fc.boolean())).map(([json, choices]) =>
    json.replaceAll(/\/|(?<=[a-z])[a-z](?=[a-z])/g, (sign) => {
      if (!choices.next().value || json.length % 3 > 0) return sign;
      return sign === '/' ? '\\/' : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
    }),
  );
  const isFreeOfTarget = (json: string) => !/srv|bob|work/.test(json);
  const outsideStrings = (json: string) => json.replace(/"(?:[^"\\]|\\.)*"/g, '""');

  it('there and back is the identity, to the byte', () => {
    fc.assert(
      fc.property(nested, (json) => {
        fc.pre(isFreeOfTarget(json));
        expect(inText(back(), inText(there(), json))).toBe(json);
      }),
    );
  });

  it('keeps JSON well-formed, and changes nothing outside of strings, however it is escaped', () => {
    fc.assert(
      fc.property(escapedMore, fc.constantFrom(there(), fromWindows, toWindows, back()), (json, rewrite) => {
        let valid = json;
        try {
          JSON.parse(json);
        } catch {
          valid = JSON.stringify(json); // escaped in the middle of an escape
        }
        const rewritten = inText(rewrite, valid);
        expect(() => JSON.parse(rewritten)).not.toThrow();
        expect(outsideStrings(rewritten)).toBe(outsideStrings(valid));
      }),
      { numRuns: 300 },
    );
  });

  it('rewrites the same whether lines come one by one or together', () => {
    fc.assert(
      fc.property(fc.array(escapedMore, { maxLength: 6 }), (lines) => {
        const rewrite = there();
        expect(inText(rewrite, lines.join('\n'))).toBe(lines.map((line) => inText(rewrite, line)).join('\n'));
      }),
    );
  });

  const name = fc
    .stringMatching(/^[A-Za-z0-9_éß中(][A-Za-z0-9 ._é-]{0,8}[A-Za-z0-9_]$/)
    .filter((each) => !each.includes(' -'));
  const tail = fc.array(name, { maxLength: 4 });

  it('across systems, there and back is the identity for fields that hold a path', () => {
    fc.assert(
      fc.property(tail, fc.constantFrom('C:\\Users\\alice\\proj', 'C:\\Users\\alice'), (names, base) => {
        const cwd = [base, ...names].join('\\');
        const record = {
          cwd,
          toolUseResult: { file: { filePath: cwd } },
          snapshot: { trackedFileBackups: { [cwd]: 1 } },
        };
        const here = inValue(fromWindows, record);
        expect(here.cwd).toBe(
          cwd.replace('C:\\Users\\alice\\proj', `${BOB}/work`).replace('C:\\Users\\alice', BOB).replaceAll('\\', '/'),
        );
        expect(inValue(toWindows, here)).toEqual(record);
      }),
    );
  });

  it('across systems, there and back is the identity for the tail of a path in a text', () => {
    fc.assert(
      fc.property(
        fc.array(
          name.map((each) => each.replaceAll(' ', '')),
          { maxLength: 4 },
        ),
        fc.constantFrom(' ', ', ', ':7:1 ', '\n', '" '),
        (names, end) => {
          const text = `see - ${['C:\\Users\\alice\\proj', ...names].join('\\')}${end}and more`;
          const here = inValue(fromWindows, { text });
          expect(here.text).toBe(`see - ${[`${BOB}/work`, ...names].join('/')}${end}and more`);
          expect(inValue(toWindows, here)).toEqual({ text });
        },
      ),
    );
  });
});

describe('the move of a session', () => {
  it('from macOS knows both paths of a temporary directory', () => {
    const place = { sessionId: '11111111-1111-4111-8111-111111111111', projectFolder: 'x', platform: 'darwin' };
    const from = { ...place, directory: '/private/tmp/p', home: '/Users/a', claudeFolder: '/Users/a/.claude' };
    const to = { ...place, platform: 'linux', directory: '/tmp/q', home: '/home/a', claudeFolder: '/home/a/.claude' };
    const rewrite = pathRewrite({ pairs: pairsOfMove(from, to), fromPlatform: 'darwin', toPlatform: 'linux' });
    expect(inValue(rewrite, { text: '/private/tmp/p/x /tmp/p/x /tmp/pq' })).toEqual({
      text: '/tmp/q/x /tmp/q/x /tmp/pq',
    });
  });

  it('rewrites its folders, its directory and the home directory, and what the user says first', () => {
    const home = { sessionId: '11111111-1111-4111-8111-111111111111', platform: 'linux' };
    const from = {
      ...home,
      directory: '/home/a/p',
      home: '/home/a',
      claudeFolder: '/home/a/.claude',
      projectFolder: '-home-a-p',
    };
    const to = {
      ...{ sessionId: '22222222-2222-4222-8222-222222222222', platform: 'win32' },
      ...{ directory: 'D:\\p', home: 'C:\\Users\\b', claudeFolder: 'E:\\cc', projectFolder: 'D--p' },
    };
    const pairs = pairsOfMove(from, to, [
      { from: '/data', to: 'D:\\data' },
      { from: '/home/a/p', to: 'D:\\other' },
    ]);
    const rewrite = pathRewrite({ pairs, fromPlatform: from.platform, toPlatform: to.platform });
    expect(rewrite.inPath('/data/x')).toBe('D:\\data\\x');
    expect(rewrite.inPath('/home/a/p/x')).toBe('D:\\other\\x');
    expect(rewrite.inPath('/home/a/q')).toBe('C:\\Users\\b\\q');
    expect(rewrite.inPath(`/home/a/.claude/projects/-home-a-p/${from.sessionId}/tool-results/x.txt`)).toBe(
      `E:\\cc\\projects\\D--p\\${to.sessionId}\\tool-results\\x.txt`,
    );
    expect(rewrite.inPath('/home/a/.claude/projects/-home-a-p/memory')).toBe('E:\\cc\\projects\\D--p\\memory');
    expect(rewrite.inPath('/home/a/.claude/CLAUDE.md')).toBe('E:\\cc\\CLAUDE.md');
  });
});
