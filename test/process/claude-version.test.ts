import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeVersion, parseVersion } from '../../src/process/claude-version.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A program that runs `script` in place of `claude`. */
function program(script: string): string {
  const path = join(temporaryFolder(), 'claude');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the version of claude', () => {
  it('is what it tells when it is asked', async () => {
    const path = program('[ "$*" = --version ] && echo "$VERSION (Claude Code)"');
    expect(await claudeVersion(path, { VERSION: '2.1.119' })).toBe('2.1.119');
  });

  it('is not known where it fails, tells none, or is not there', async () => {
    for (const script of ['exit 1', 'echo Usage: 2.1.119', ':', 'echo 2.1.119 >&2', 'kill -9 $$']) {
      expect(await claudeVersion(program(script), {}), script).toBe(null);
    }
    expect(await claudeVersion(join(temporaryFolder(), 'claude'), {})).toBe(null);
    expect(await claudeVersion(temporaryFolder(), {})).toBe(null);
  });

  it('is not waited for longer than it may take, nor for what the program leaves running', async () => {
    const started = performance.now();
    expect(await claudeVersion(program('exec sleep 20'), { PATH: process.env['PATH'] }, 100)).toBe(null);
    const leaving = program('echo "2.1.222 (Claude Code)"; sleep 5 &');
    expect(await claudeVersion(leaving, { PATH: process.env['PATH'] })).toBe('2.1.222');
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('is three numbers at the beginning of a line, whatever a wrapper says before', () => {
    expect(parseVersion('2.1.332 (Claude Code)\n')).toBe('2.1.332');
    expect(parseVersion('2.1.332\n')).toBe('2.1.332');
    expect(parseVersion('2.1.0-beta.3 (Claude Code)')).toBe('2.1.0');
    expect(parseVersion('now using node v22\n2.1.332 (Claude Code)\n')).toBe('2.1.332');
    for (const text of ['', 'claude 2.1.332', '2.1', '2.1.3.4', '2.1.x', `${'9'.repeat(9)}.1.1`]) {
      expect(parseVersion(text), text).toBe(null);
    }
  });
});
