import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import { expect } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { type Machine, SESSION, TerminalRun } from '../support/machine.ts';
import { claudeProgram } from './install-claude.ts';

const WITH_API = fileURLToPath(new URL('claude-api.mjs', import.meta.url));
const API_KEY = 'sk-ant-dummy-not-a-key';
/** What a start and an answer of `claude` may take, on a busy machine. */
const PATIENCE_MS = 40_000;
/** For what `expect.poll` waits for. */
export const WAIT = { timeout: PATIENCE_MS };
const UP = '\u001b[A';

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

/**
 * A session of the real claude, as somebody types it, in which it may change files. The first prompt has to
 * tell it the word ZEBRA.
 */
export async function converse(machine: Machine, prompts: readonly string[]): Promise<void> {
  const mode = ['--permission-mode', 'acceptEdits', '--session-id', SESSION];
  const claude = startClaude(machine, [...mode, ...prompts.slice(0, 1)]);
  const answers = () => (transcriptsOf(machine).get(SESSION) ?? '').split('The word is ZEBRA.').length - 1;
  await expect.poll(answers, WAIT).toBe(1);
  for (const [index, prompt] of prompts.slice(1).entries()) {
    claude.type(prompt);
    await claude.answers(shownAs(prompt), '\r');
    await expect.poll(answers, WAIT).toBe(index + 2);
  }
  await command(claude, '/exit');
  expect(await claude.end()).toBe(0);
}

/** A text on the screen of Claude Code, which leaves out spaces. */
const shownAs = (text: string) => new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/ /g, '\\s*'));

/**
 * Goes back, files and all, to before a prompt: the last one of `prompts`, which names all from the end up to
 * there.
 */
export async function rewind(run: TerminalRun, prompts: readonly RegExp[], isDone: () => boolean): Promise<void> {
  await command(run, '/rewind');
  await run.sees(/point\s*before/);
  const shows =
    (pattern: RegExp, after = run.text.length) =>
    () =>
      pattern.test(run.text.slice(after));
  for (const prompt of prompts) await press(run, UP, shows(new RegExp(`❯\\s*${prompt.source}`)));
  // Letters that stand there already are not drawn again, so any of these may have gaps.
  await press(run, '\r', shows(/Never\s*mind|conversation\s*(?:will|goes)|code\s*will|Restore\s*code/));
  await press(run, '\r', isDone);
}

/**
 * Presses a key, after which something is to be so. A key that comes before the screen is ready for it is
 * lost; one that is pressed twice would be taken for two, so there is another only after a long time.
 */
async function press(run: TerminalRun, key: string, isDone: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3 && !isDone(); tries++) {
    run.type(key);
    for (let waits = 0; waits < 160 && !isDone(); waits++) await sleep(50);
  }
  expect(isDone(), run.text).toBe(true);
}
