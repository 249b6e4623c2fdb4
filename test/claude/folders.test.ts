import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claudeFolder, isSlug, projectFolderName, slugOf, slugPrefixBelow } from '../../src/claude/folders.ts';

describe('the folder of Claude Code', () => {
  it('is CLAUDE_CONFIG_DIR if set, else .claude at home', () => {
    expect(claudeFolder({ CLAUDE_CONFIG_DIR: '/etc/claude', HOME: '/home/alice' })).toBe('/etc/claude');
    expect(claudeFolder({ HOME: '/home/alice' })).toBe('/home/alice/.claude');
    expect(claudeFolder({ CLAUDE_CONFIG_DIR: '' }, '/home/bob')).toBe('/home/bob/.claude');
  });

  it('is absolute, and in composed Unicode as Claude Code takes it', () => {
    expect(claudeFolder({ CLAUDE_CONFIG_DIR: 'conf' })).toBe(`${process.cwd()}/conf`);
    expect(claudeFolder({ CLAUDE_CONFIG_DIR: '/e\u0301' })).toBe('/\u00e9');
  });
});

describe('the name of a project folder', () => {
  it.each([
    ['/home/alice/proj', '-home-alice-proj'],
    ['/tmp/vv/😀 é_x.y', '-tmp-vv------x-y'],
    ['/tmp/p2/e\u0301x', '-tmp-p2-e-x'],
    ['C:\\Users\\alice', 'C--Users-alice'],
    [
      `/tmp/vv/${'långer weg '.repeat(12)}/${'abc.def_'.repeat(12)}`,
      `-tmp-vv-${'l-nger-weg-'.repeat(12)}-${'abc-def-'.repeat(7)}abc-fo5xpt`,
    ],
  ])('is what Claude Code 2.1 makes of %s', (directory, name) => {
    expect(slugOf(directory)).toBe(name);
  });

  it('is shortened only beyond 200 UTF-16 units', () => {
    expect(slugOf(`/${'a'.repeat(199)}`)).toBe(`-${'a'.repeat(199)}`);
    expect(slugOf(`/${'a'.repeat(200)}`)).toMatch(/^-a{199}-[0-9a-z]+$/);
    expect(slugOf(`/${'😀'.repeat(100)}`)).toMatch(/^-{201}[0-9a-z]+$/);
  });

  it('is made of letters, digits and dashes, and at most 208 long, whatever the path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (path) => {
        expect(slugOf(path)).toMatch(/^[A-Za-z0-9-]{0,208}$/);
      }),
    );
  });

  it('begins with the prefix of every directory above, however long', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }).filter((it) => !/[/\\\0]/.test(it));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), fc.array(name, { minLength: 1, maxLength: 4 }), (above, below) => {
        const top = `/${above.join('/')}`;
        const directory = `${top === '/' ? '' : top}/${below.join('/')}`;
        expect(slugOf(directory).startsWith(slugPrefixBelow(top))).toBe(true);
        expect(isSlug(slugOf(directory))).toBe(true);
      }),
    );
  });

  it('does not begin with the prefix of a neighbour', () => {
    expect(slugOf('/a/bc').startsWith(slugPrefixBelow('/a/b'))).toBe(false);
  });

  it('is CLAUDE_CODE_PROJECT_DIR_NAME only beside CLAUDE_CONFIG_DIR, and if it is a plain name', () => {
    const named = (CLAUDE_CODE_PROJECT_DIR_NAME: string, CLAUDE_CONFIG_DIR?: string) =>
      projectFolderName('/a/b', { CLAUDE_CODE_PROJECT_DIR_NAME, ...(CLAUDE_CONFIG_DIR && { CLAUDE_CONFIG_DIR }) });
    expect(named('mine', '/c')).toBe('mine');
    expect(named('mine')).toBe('-a-b');
    for (const bad of ['', 'a/b', '..', 'a b', 'CON', 'com1', 'x'.repeat(65)]) expect(named(bad, '/c')).toBe('-a-b');
  });
});
