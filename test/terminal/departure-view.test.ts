import { describe, expect, it } from 'vitest';
import { describeMasked } from '../../src/terminal/bundle-view.ts';
import { describeFound } from '../../src/terminal/departure-view.ts';
import { styleFor } from '../../src/terminal/style.ts';

const PLAIN = styleFor(false);
const ESCAPE = '\u001b]0;title\u0007';

describe('what was found', () => {
  it('is shown by kind, number and place', () => {
    const found = [
      { kind: 'GitHub token', values: 1, places: 6, where: ['a prompt', 'output of Bash, 2 hours ago'] },
      { kind: 'password in a URL', values: 2, places: 2, where: ['file-history, src/a.ts', 'the title'] },
      { kind: 'private key', values: 1, places: 1, where: [] },
    ];
    expect(describeFound(found, PLAIN)).toBe(
      [
        '  GitHub token       1 value, 6 places: a prompt; output of Bash, 2 hours ago; …',
        '  password in a URL  2 values: file-history, src/a.ts; the title',
        '  private key        1 value',
      ].join('\n'),
    );
  });

  it('names places of the session without what would control the terminal', () => {
    const found = [{ kind: 'key', values: 1, places: 1, where: [`${ESCAPE}${'x'.repeat(500)}`] }];
    const shown = describeFound(found, PLAIN);
    expect(shown).not.toContain('\u001b');
    expect(shown.length).toBeLessThan(200);
  });
});

describe('what was masked', () => {
  it('is shown by kind and number, also where somebody else says so', () => {
    expect(describeMasked(undefined)).toBe('');
    expect(describeMasked([])).toBe('');
    const masked = [
      { kind: 'GitHub token', count: 2 },
      { kind: `${ESCAPE}${'x'.repeat(500)}`, count: 1200 },
    ];
    expect(describeMasked(masked)).toMatch(/^2 × GitHub token, 1,200 × .{1,80}$/);
    expect(describeMasked(masked)).not.toContain('\u001b');
    expect(describeMasked(Array(1000).fill({ kind: 'key', count: 1 })).length).toBeLessThan(200);
  });
});
