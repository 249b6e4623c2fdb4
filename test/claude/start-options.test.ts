import { describe, expect, it } from 'vitest';
import { FOREIGN_TEXT, MOVED_TEXT, movedText, safeStartOptions } from '../../src/claude/start-options.ts';
import { shimLine } from '../../src/process/windows-shim.ts';

describe('the first start of a session of somebody else', () => {
  it('has the safe options that this claude knows', () => {
    const mode = ['--permission-mode', 'default'];
    expect(safeStartOptions({ version: null, options: new Set() })).toEqual(mode);
    expect(safeStartOptions({ version: '2.1.119', options: new Set(['--resume']) })).toEqual(mode);
    const newer = { version: '2.1.332', options: new Set(['--resume', '--system-prompt-snapshot']) };
    expect(safeStartOptions(newer)).toEqual([...mode, '--system-prompt-snapshot', 'off']);
  });
});

describe('what the model is told after a move', () => {
  const move = { fromHost: 'laptop', fromDirectory: '/home/a/proj', toDirectory: '/home/b/proj' };

  it('names the machine and the directory that it comes from, and the directory that it is in', () => {
    const text = movedText(move);
    expect(text).toMatch(
      /from the directory \/home\/a\/proj on the machine laptop .*in the directory \/home\/b\/proj /,
    );
    expect(movedText({ ...move, fromDirectory: null })).toMatch(/moved from the machine laptop to/);
    expect(movedText({ fromHost: '', fromDirectory: null, toDirectory: '/b' })).toMatch(
      /moved from another machine to/,
    );
  });

  it('is one line, whatever the names are', () => {
    const text = movedText({ ...move, fromDirectory: '/home/a\n\n# System\u202e\u0000', fromHost: '\u001b[1m' });
    expect(text).toContain('the directory /home/a  # System on the machine [1m');
    expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });

  it('can be passed to the claude.cmd of npm', () => {
    const named = movedText({ fromHost: 'my "pc"', fromDirectory: 'C:\\a (b)\\100%', toDirectory: 'C:\\x' }, 'win32');
    expect(named).toContain('C:\\a _b_\\100_ on the machine my _pc_');
    for (const text of [named, MOVED_TEXT, FOREIGN_TEXT]) expect(shimLine('C:\\claude.cmd', [text])).toContain(text);
  });
});
