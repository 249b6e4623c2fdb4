import { describe, expect, it } from 'vitest';
import { describeMasked } from '../../src/terminal/bundle-view.ts';
import { describeFound } from '../../src/terminal/departure-view.ts';
import { styleFor } from '../../src/terminal/style.ts';

const PLAIN = styleFor(false);
const ESCAPE = '\u001b]0;title\u0007';
const NOW_MS = new Date(2026, 10, 20, 12, 30).getTime();

/** A place where something was found `times` times, written on that day at this time of this machine. */
function place(what: string, hour?: number, minute = 0, times = 1) {
  return { what, at: hour === undefined ? null : new Date(2026, 10, 20, hour, minute).toISOString(), times };
}

describe('what was found', () => {
  it('is shown by kind, number and place', () => {
    const found = [
      { kind: 'GitHub token', values: 1, places: 6, where: [place('a prompt'), place('output of Bash', 11, 5)] },
      { kind: 'password in a URL', values: 2, places: 2, where: [place('a backup of a.ts'), place('a title')] },
      { kind: 'private key', values: 1, places: 1, where: [] },
    ];
    expect(describeFound(found, NOW_MS, PLAIN)).toBe(
      [
        '  GitHub token       1 value, 6 places: a prompt; output of Bash at 11:05; …',
        '  password in a URL  2 values: a backup of a.ts; a title',
        '  private key        1 value',
      ].join('\n'),
    );
  });

  it('names places with the same words once, with their number, and tells whether there are more', () => {
    const twice = [place('output of Bash', 11, 5, 2), place('a prompt', 11, 5), place('output of Bash', 11, 5)];
    const shown = (places: number) => describeFound([{ kind: 'key', values: 1, places, where: twice }], NOW_MS, PLAIN);
    expect(shown(4)).toMatch(/: output of Bash at 11:05 \(3×\); a prompt at 11:05$/);
    expect(shown(5)).toMatch(/: output of Bash at 11:05 \(3×\); a prompt at 11:05; …$/);
  });

  it('names places of the session without what would control the terminal', () => {
    const found = [{ kind: 'key', values: 1, places: 1, where: [place(`${ESCAPE}${'x'.repeat(500)}`)] }];
    const shown = describeFound(found, NOW_MS, PLAIN);
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
