import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Machine, SESSION } from '../support/machine.ts';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';

/**
 * The native program of npm's `@anthropic-ai/claude-code`, a download of 360 MB: installed only by those who
 * want this test.
 */
const CLAUDE = process.env['CCLINK_TEST_CLAUDE'] ?? '';
const STUB = fileURLToPath(new URL('claude-api.mjs', import.meta.url));
const available = existsSync(CLAUDE) && process.platform === 'linux';
if (!available) console.warn('Not tested: the real Claude Code. CCLINK_TEST_CLAUDE names no program.');

useTwoMachines(8);

/**
 * Puts the real `claude` on the PATH, in a network namespace with only a loopback and a stand-in for the API.
 */
function installRealClaude(machine: Machine): void {
  const settings = {
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:8899',
    ANTHROPIC_API_KEY: 'sk-ant-dummy-not-a-key',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  };
  const file = join(machine.home, 'bin', 'claude');
  const exported = Object.entries(settings).map(([name, value]) => `export ${name}='${value}'`);
  const inside = `ip link set lo up; "${process.execPath}" "${STUB}" 8899 & api=$!; trap 'kill $api' EXIT; sleep 0.5; timeout 90 "${CLAUDE}" "$@"`;
  writeFileSync(
    file,
    `#!/bin/bash\n${exported.join('\n')}\nunshare -rn bash -c '${inside.replaceAll("'", "'\\''")}' claude "$@"\n`,
  );
  chmodSync(file, 0o755);
}

describe.runIf(available || process.env['CI'])('the real Claude Code', () => {
  it('goes on with the conversation after a pickup', async () => {
    await shareKeyAndSession();
    installRealClaude(desk);
    desk.env['PATH'] += ':/usr/sbin:/sbin';
    await laptop.json(['publish', SESSION]);
    const { code, stdout, stderr } = await desk.run(['pickup', '-y', '--', '-p', 'which word?'], { cwd: desk.home });
    expect(stderr).toContain(SESSION);
    expect([code, stdout.trim()]).toEqual([0, 'The word is ZEBRA.']);
  }, 100_000);
});
