import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resumeCommand, resumeLine } from '../../src/claude/resume-command.ts';
import { sessionId } from '../support/claude-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ID = sessionId(1);

/** What `line` prints when typed into bash. Without input, or bash may think that it is run by ssh. */
const inBash = (line: string) =>
  execFileSync('bash', ['--norc', '-c', line], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).toString();

describe('the command that resumes a session', () => {
  it('is claude --resume and the id, then what the user adds', () => {
    expect(resumeCommand(ID)).toEqual(['claude', '--resume', ID]);
    expect(resumeCommand(ID, ['-p', 'go on'])).toEqual(['claude', '--resume', ID, '-p', 'go on']);
  });

  it('is made for session ids only', () => {
    for (const id of [
      '',
      '--dangerously-skip-permissions',
      ID.slice(1),
      `${ID} x`,
      ID.replace('0', 'A'),
      '; rm -rf ~',
    ]) {
      expect(() => resumeCommand(id), id).toThrow(expect.objectContaining({ code: 'refused' }));
    }
  });
});

describe('the line to type', () => {
  const line = (directory: string | null, platform: NodeJS.Platform = 'linux', ...extra: string[]) =>
    resumeLine(directory, resumeCommand(ID, extra), platform);

  it('changes into the directory first', () => {
    expect(line('/home/alice/proj')).toBe(`cd /home/alice/proj && claude --resume ${ID}`);
    expect(line(null)).toBe(`claude --resume ${ID}`);
  });

  it('quotes what a shell would take for something else', () => {
    expect(line("/it's $HOME", 'linux', '=x', '')).toBe(`cd '/it'\\''s $HOME' && claude --resume ${ID} '=x' ''`);
  });

  it('shows nothing that moves the cursor, reorders the line or hides in it', () => {
    expect(line('/a\n\u001b[2J\u202e\u200b')).toBe(
      `cd "$(printf '/a\\012\\033\\1332J\\342\\200\\256\\342\\200\\213')" && claude --resume ${ID}`,
    );
  });

  it('is for PowerShell on Windows', () => {
    expect(line('C:\\Users\\al', 'win32')).toBe(`cd C:\\Users\\al; claude --resume ${ID}`);
    expect(line('C:\\it’s $env:X', 'win32')).toBe(`cd 'C:\\it’’s $env:X'; claude --resume ${ID}`);
  });

  it('leads into any directory that there can be', () => {
    const folder = realpathSync(temporaryFolder());
    for (const name of [
      'a b',
      "q'uote",
      'new\nline',
      'Grüße 😀',
      '$(touch x)',
      '\u202ertl',
      '-rf',
      '\\back',
      'at its end\n',
    ]) {
      mkdirSync(join(folder, name));
      const typed = resumeLine(join(folder, name), ['pwd'], 'linux');
      const out = inBash(typed);
      expect(out).toBe(`${join(folder, name)}\n`);
    }
  });
});
