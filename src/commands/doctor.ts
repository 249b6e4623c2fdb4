import { projectsFolder } from '../claude/folders.ts';
import { outerSessionVariables } from '../claude/outer-session.ts';
import { bootstrapNodes } from '../dht/bootstrap.ts';
import { Deadline } from '../dht/deadline.ts';
import { bad, type Check } from '../doctor/check.ts';
import { clockCheck, isClockSynchronised } from '../doctor/clock.ts';
import { claudeFolderCheck, ownFolderCheck } from '../doctor/folders.ts';
import { keyCheck } from '../doctor/key.ts';
import { networkChecks } from '../doctor/network.ts';
import { claudeCheck, nodeCheck, outerSessionCheck } from '../doctor/programs.ts';
import { terminalCheck } from '../doctor/terminal.ts';
import { EXIT_CODES, Failure } from '../failure.ts';
import { claudeVersion } from '../process/claude-version.ts';
import { findClaude } from '../process/find-claude.ts';
import { hasControllingTerminal } from '../terminal/controlling-terminal.ts';
import { printable, printableLines } from '../terminal/printable.ts';
import { type Style, wantsColour } from '../terminal/style.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';

declare const CCLINK_VERSION: string;

export const command: Declaration = {
  summary: 'look whether everything here is as it should be',
  help: `It looks at Node, claude, your key, the clock, the folders, the terminal and the
network. Each line is good, or says what to do; "not checked" is not bad. It asks
nothing, changes nothing and shows no secret. It ends with 0 if nothing is bad, else
with the code that a command would fail with, for the first thing that is.`,
  json: true,
  timeout: true,
  allowedForAgent: () => true,
  async run({ context }) {
    process.exitCode = await doctor(context);
  },
};

/** `cclink doctor`: what is as it should be here, and what is not. Resolves to the exit code. */
async function doctor(context: Context): Promise<number> {
  const { output } = context;
  const checks = await output.progress('Looking at everything …', look(context));
  const ill = checks.filter(({ state }) => state === 'bad');
  const shown = output.quiet ? ill : checks;
  output.result(checks, shown.map((check) => describe(check, output.resultStyle)).join('\n'));
  const [first] = ill;
  if (first?.code == null) {
    output.say('Nothing is wrong here.');
    return 0;
  }
  output.say(ill.length === 1 ? 'One thing needs to be put right.' : `${ill.length} things need to be put right.`);
  return EXIT_CODES[first.code];
}

/** Looks at everything, what takes time all at once. */
async function look(context: Context): Promise<Check[]> {
  const { environment, timeoutMs } = context;
  const { variables, underClaudeCode } = environment;
  const isTmux = Boolean(variables['TMUX']);
  // What Claude Code starts has its output in a pipe or a file.
  const isAgent = underClaudeCode && !process.stdin.isTTY && !process.stdout.isTTY;
  const claudePath = findClaude(environment);
  const [version, isSynchronised, network] = await Promise.all([
    claudePath === null ? null : claudeVersion(claudePath, variables, Math.min(timeoutMs, 5000)),
    isClockSynchronised(variables),
    lookAtNetwork(context),
  ]);
  return [
    nodeCheck(CCLINK_VERSION, { version: process.versions.node, path: process.execPath }),
    claudeCheck(claudePath, version),
    claudeFolderCheck(environment.claudeFolder, projectsFolder(environment.claudeFolder)),
    outerSessionCheck(outerSessionVariables(variables), { isAgent, isTmux }),
    keyCheck(environment.keyFile),
    clockCheck(Date.now(), isSynchronised),
    ownFolderCheck('state-folder', 'what cclink remembers', environment.stateFolder),
    ownFolderCheck('cache-folder', 'nodes that answered', environment.cacheFolder),
    terminalCheck({
      canAsk: hasControllingTerminal(),
      columns: process.stdout.columns ?? null,
      hasColour: wantsColour(variables, process.stdout),
      isTmux,
      isSsh: Boolean(variables['SSH_CONNECTION'] || variables['SSH_TTY']),
    }),
    ...network,
  ];
}

async function lookAtNetwork({ environment, output, timeoutMs }: Context): Promise<Check[]> {
  const { probeNetwork } = await import('../dht/probe.ts');
  try {
    const probe = await probeNetwork(
      bootstrapNodes(environment.bootstrap),
      environment.cacheFolder,
      new Deadline(timeoutMs),
    );
    output.trace(`asked ${probe.asked} nodes: ${probe.answered} answered; ${Math.round(probe.milliseconds)} ms`);
    return networkChecks(probe);
  } catch (error) {
    // CCLINK_BOOTSTRAP can't be read.
    if (error instanceof Failure) return [bad('names', error)];
    throw error;
  }
}

const WORDS = { good: 'good', bad: 'bad', 'not-checked': 'not checked' } as const;

/** The width of the words beside which a check stands, in columns. */
const LABEL = 13;

function describe({ state, message, hint }: Check, style: Style): string {
  const paint = state === 'good' ? style.good : state === 'bad' ? style.bad : style.dim;
  const lines = hint === null ? [] : printableLines(hint).split('\n');
  // Beside a mark a sentence is broken between words; a line to copy has none, and stays whole.
  const hints = lines.map((line) => `${(/^[A-Z]/.test(line) ? '  →' : '').padEnd(LABEL)}${line}`);
  return [`${paint(WORDS[state])}${' '.repeat(LABEL - WORDS[state].length)}${printable(message)}`, ...hints].join('\n');
}
