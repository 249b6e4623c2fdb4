import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import { slugOf } from '../../src/claude/folders.ts';
import { type Machine, TerminalRun } from '../support/machine.ts';
import { claudeProgram } from './install-claude.ts';

const WITH_API = fileURLToPath(new URL('claude-api.mjs', import.meta.url));
const API_KEY = 'sk-ant-dummy-not-a-key';
/** What a start and an answer of `claude` may take, on a busy machine. */
const PATIENCE_MS = 40_000;

/**
 * Puts the real `claude` of a version on the PATH of a machine. It runs in a network namespace with nothing
 * but a loopback and a stand-in for the model's API. It starts up without a question, as for somebody who has
 * used it before in the machine's project.
 */
export function installRealClaude(machine: Machine, version: string): void {
  const file = join(machine.home, 'bin', 'claude');
  const start = `PATH="$PATH:/usr/sbin:/sbin" ip link set lo up && exec "${process.execPath}" "${WITH_API}" "$0" "$@"`;
  writeFileSync(
    file,
    `#!/bin/sh\nCCLINK_TEST_API_LOG="${logOf(machine)}" ANTHROPIC_API_KEY=${API_KEY} exec unshare -rn sh -c '${start}' "${claudeProgram(version)}" "$@"\n`,
  );
  chmodSync(file, 0o755);
  writeFileSync(
    join(machine.home, '.claude.json'),
    JSON.stringify({
      hasCompletedOnboarding: true,
      customApiKeyResponses: { approved: [API_KEY.slice(-20)], rejected: [] },
      projects: { [machine.project]: { hasTrustDialogAccepted: true } },
    }),
  );
}

/** What the model was asked. */
export interface ModelRequest {
  /** The system prompt. */
  readonly system: string;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

/** What the model was asked on a machine, the last at the end. */
export function requestsOf(machine: Machine): ModelRequest[] {
  const log = logOf(machine);
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
  return lines.map((line) => {
    const { system, messages } = JSON.parse(line) as { system: string | { text: string }[]; messages: [] };
    return { system: typeof system === 'string' ? system : system.map(({ text }) => text).join('\n'), messages };
  });
}

const logOf = (machine: Machine) => join(machine.home, 'api-log.jsonl');

/** The sessions whose transcripts `claude` wrote for a folder, and the text of each. */
export function transcriptsOf(machine: Machine, directory = machine.project): ReadonlyMap<string, string> {
  const folder = join(machine.claudeFolder, 'projects', slugOf(directory));
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : [];
  return new Map(files.map((name) => [name.slice(0, -'.jsonl'.length), readFileSync(join(folder, name), 'utf8')]));
}

/**
 * The real `claude` in a pseudo-terminal. A prompt among the arguments is sent at once:
 * `startClaude(laptop, ['remember ZEBRA'])`.
 */
export function startClaude(
  machine: Machine,
  args: readonly string[] = [],
  options: { env?: Record<string, string>; cwd?: string } = {},
): TerminalRun {
  const pty = spawnPty(join(machine.home, 'bin', 'claude'), [...args], {
    cols: 120,
    rows: 40,
    cwd: options.cwd ?? machine.project,
    env: { ...machine.env, ...options.env },
  });
  return new TerminalRun(pty, PATIENCE_MS);
}

/** Commands of Claude Code, and how its menu describes them. Newer versions leave out the spaces. */
const COMMANDS = {
  '/clear': /Start\s*a\s*new\s*session/,
  '/exit': /Exit\s*the\s*CLI/,
  '/rewind': /Restore\s*(?:earlier|the)\s*code/,
} as const;

/** Types a command of Claude Code. It takes Return only once the command is in its menu. */
export async function command(claude: TerminalRun, name: keyof typeof COMMANDS): Promise<void> {
  claude.type(name);
  await claude.answers(COMMANDS[name], '\r');
}
