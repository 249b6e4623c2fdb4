import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteForShell } from '../src/shell-quote.ts';
import { UNSEEN } from '../src/shown-text.ts';
import { itIn } from './support/shells.ts';

/** What `line` prints in a shell without settings. */
function inShell(shell: string, line: string): string {
  // History expansion of an interactive bash changes lines before they are parsed.
  const before = shell === 'bash' ? 'set -o history -o histexpand\n' : '';
  const options = shell === 'fish' ? ['--no-config'] : [];
  const isTyped = shell === 'bash';
  return execFileSync(shell, [...options, ...(isTyped ? ['-s'] : ['-c', line])], {
    ...(isTyped && { input: `${before}${line}\n` }),
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
    stdio: [isTyped ? 'pipe' : 'ignore', 'pipe', 'inherit'],
  }).toString();
}

const NASTY = [...'\'\\"$`!%#;& |()<>*?[]{}~^=-:,./@+aX0é日\n\t\u0001\u001b\u007f\u202e\u200b\ufe0f', '!!', "'\\"];
const word = fc.string({ unit: fc.constantFrom(...NASTY), maxLength: 12 }).filter((text) => !text.endsWith('\n'));

describe('a word in a line to copy', () => {
  describe.each(['sh', 'dash', 'bash', 'zsh', 'fish', 'ksh'])('means the same to %s', (shell) => {
    itIn(shell)('whatever is in it', () => {
      fc.assert(
        fc.property(fc.array(word, { minLength: 100, maxLength: 100 }), (words) => {
          const out = inShell(shell, `/usr/bin/printf '%s\\0' ${words.map(quoteForShell).join(' ')}`);
          expect(out.split('\0').slice(0, -1)).toEqual(words);
        }),
        { numRuns: 10 },
      );
    });

    itIn(shell)('and runs nothing', () => {
      const words = [
        "f\\'; echo OWNED #",
        "\n'; echo OWNED #",
        "\u0001'; echo OWNED #",
        '$(echo OWNED)\u0001',
        '\u0001`echo OWNED`',
      ];
      expect(inShell(shell, `/usr/bin/printf '%s' ${words.map(quoteForShell).join(' ')}`)).toBe(words.join(''));
    });
  });

  it('is left alone where it needs no quotes', () => {
    for (const plain of ['cclink', '--ttl', '/home/a-b/c_d.e', '1h', 'a=b', 'a%20b'])
      expect(quoteForShell(plain)).toBe(plain);
    for (const quoted of ['=x', '%self', '~', '']) expect(quoteForShell(quoted)).toBe(`'${quoted}'`);
  });

  it('shows every character that is in it', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !UNSEEN.test(quoteForShell(text))));
  });

  it('that no shell can be told of is replaced by a text that says so', () => {
    expect(quoteForShell("it's\n")).toBe("'(a name that ends with a line break)'");
  });
});
