import { describe, expect, it } from 'vitest';
import { wrap } from '../../src/terminal/wrap.ts';

describe('a text that is longer than the line', () => {
  it.each<[string, string, number, string]>([
    ['between words', 'one two three four', 9, 'one two\nthree\nfour'],
    ['not at all where it fits', 'one two', 7, 'one two'],
    ['not inside a word', 'a pk1234567890 b', 6, 'a\npk1234567890\nb'],
    ['below its value, beside a label', '  Project     /a/b c d', 17, '  Project     /a/b\n              c d'],
    [
      'by what is seen of colours',
      '\u001b[2m  Title       \u001b[22mone two',
      18,
      '\u001b[2m  Title       \u001b[22mone\n              two',
    ],
    ['by columns, of which East Asian characters take two', '日本 日本 日本', 9, '日本 日本\n日本'],
    ['before a command, which stays whole', 'To see it: cclink show pk x', 14, 'To see it:\ncclink show pk x'],
    [
      'before the last of several commands',
      'Over ssh: ssh -t, or for once: cclink pickup -y',
      15,
      'Over ssh: ssh\n-t, or for\nonce:\ncclink pickup -y',
    ],
    ['not in a line to copy', 'cclink pickup pk12345', 10, 'cclink pickup pk12345'],
    ['not in a line to copy that is indented', '  cd /a/b && claude --resume 1', 10, '  cd /a/b && claude --resume 1'],
    ['below its first word, in a list', '- one two\n- three', 6, '- one\n  two\n- three'],
    ['not in a QR code', '█ ▄ ▀ █ ▄ ▀', 5, '█ ▄ ▀ █ ▄ ▀'],
    ['each line by itself', 'one two\nthree', 5, 'one\ntwo\nthree'],
  ])('is broken %s', (_, text, columns, wrapped) => {
    expect(wrap(text, columns)).toBe(wrapped);
  });

  it('is left alone where lines have no end', () => {
    expect(wrap('one two three', null)).toBe('one two three');
  });
});
