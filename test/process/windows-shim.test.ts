import { describe, expect, it } from 'vitest';
import { isShim, shimLine } from '../../src/process/windows-shim.ts';

describe('the line for a Windows shim', () => {
  it('is for .cmd and .bat', () => {
    expect(['C:\\claude.cmd', 'C:\\CLAUDE.BAT'].every(isShim)).toBe(true);
    expect(['C:\\claude.exe', '/bin/claude', 'C:\\a.cmd\\claude'].some(isShim)).toBe(false);
  });

  it('quotes every word', () => {
    expect(shimLine('C:\\Program Files (x86)\\a & b\\claude.cmd', ['--resume', '0-1', 'go on', 'über', ''])).toBe(
      '"C:\\Program Files (x86)\\a & b\\claude.cmd" "--resume" "0-1" "go on" "über" ""',
    );
  });

  it('refuses arguments that cmd.exe may take apart', () => {
    for (const arg of [
      '"',
      'a"b',
      '%PATH%',
      '!x!',
      'a^b',
      'a&b',
      'a|b',
      '<',
      '>',
      '(',
      ')',
      'a\nb',
      'a\\',
      ';',
      "'",
      '`',
      '*',
      '?',
    ]) {
      expect(() => shimLine('C:\\claude.cmd', [arg]), arg).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });

  it('refuses a path that cannot be quoted', () => {
    for (const path of ['C:\\%x%\\claude.cmd', 'C:\\a!\\claude.cmd', 'C:\\a^\\claude.cmd', 'C:\\"\\claude.cmd']) {
      expect(() => shimLine(path, []), path).toThrow(expect.objectContaining({ code: 'no-claude' }));
    }
  });
});
