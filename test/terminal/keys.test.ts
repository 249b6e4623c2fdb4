import { describe, expect, it } from 'vitest';
import { type Key, KeyReader } from '../../src/terminal/keys.ts';
import { TypedLine } from '../../src/terminal/typed-line.ts';

/** The keys in chunks of bytes, as a terminal sends them. */
function keysOf(...chunks: string[]): Key[] {
  const reader = new KeyReader();
  return chunks.flatMap((chunk) => [...reader.keys(Buffer.from(chunk, 'latin1'))]);
}

describe('a key', () => {
  it.each<[string, string[], Key[]]>([
    ['a letter', ['a'], [0x61]],
    ['a tab, which a passphrase may have', ['\t'], [0x09]],
    ['Return', ['\r\n'], ['return', 'return']],
    ['Ctrl-C, Ctrl-D and Ctrl-\\', ['\u0003\u0004\u001c'], ['cancel', 'cancel', 'cancel']],
    ['an arrow, in both forms', ['\u001b[A\u001bOB'], ['up', 'down']],
    ['an arrow in two chunks', ['\u001b[', 'A'], ['up']],
    ['F5 and a key with Alt, which are none of ours', ['\u001b[15~\u001bx'], []],
    ['Esc, and later a letter', ['\u001b', 'a'], [0x61]],
    ['Ctrl-D in the middle of a sequence', ['\u001b[1\u0004'], ['cancel']],
    ['other control characters, which are dropped', ['\u0000\u0001\u0012'], []],
  ])('is %s', (_, chunks, keys) => {
    expect(keysOf(...chunks)).toEqual(keys);
  });
});

describe('a line that is typed', () => {
  const lineOf = (text: string) => {
    const line = new TypedLine();
    for (const key of new KeyReader().keys(Buffer.from(text))) line.apply(key);
    return Buffer.from(line.copy()).toString();
  };

  it('loses whole characters to backspace, words to Ctrl-W, all to Ctrl-U', () => {
    expect(lineOf('a🔑\u007fb')).toBe('ab');
    expect(lineOf('one two  \u0017x')).toBe('one x');
    expect(lineOf('wrong\u0015right')).toBe('right');
    expect(lineOf('\u007f\u0017\u0015')).toBe('');
  });

  it('is overwritten when it is wiped, and holds no more than it has room for', () => {
    const line = new TypedLine();
    for (let i = 0; i < 5000; i++) line.apply(0x78);
    expect(line.copy().length).toBe(4096);
    line.wipe();
    expect(line.copy().length).toBe(0);
  });
});
