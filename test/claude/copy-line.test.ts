import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyHost, copyLine } from '../../src/claude/copy-line.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the line that copies a session', () => {
  it('copies one session, keeps what is newer here, and what it replaces', () => {
    const folder = join(temporaryFolder(), "ada's claude");
    mkdirSync(join(folder, 'projects'), { recursive: true });
    const line = copyLine(folder, '1f2a7c09', 'laptop');
    expect(line).toMatch(/^rsync -aubR 'laptop:\.claude\/projects\/\.\/\*\/1f2a7c09\*' '/);
    expect(line).toContain("\\'");
  });

  it('makes the folder first where there is none', () => {
    expect(copyLine('/nowhere/.claude', '1f2a7c09', 'laptop')).toBe(
      "mkdir -p /nowhere/.claude/projects && rsync -aubR 'laptop:.claude/projects/./*/1f2a7c09*' /nowhere/.claude/projects/",
    );
  });

  it.each([
    ['laptop', 'laptop'],
    ['ada-laptop.example.org', 'ada-laptop.example.org'],
    ['', 'other-machine'],
    ['-oProxyCommand=id', 'other-machine'],
    ["x'; touch PWN; '", 'other-machine'],
    ['Ada’s MacBook', 'other-machine'],
  ])('names the host %j as %s', (host, named) => expect(copyHost(host)).toBe(named));
});
