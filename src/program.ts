import { fstatSync } from 'node:fs';
import { Command, Option } from 'commander';
import { notForAnAgent } from './commands/agent.ts';
import type { Context } from './commands/context.ts';
import {
  DEFAULT_COMMAND,
  type Declaration,
  EVERYWHERE,
  type OptionDeclaration,
  optionsOf,
  type SharedOptions,
} from './commands/declaration.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName, isCommandName } from './commands/table.ts';
import type { Environment } from './environment.ts';
import { Failure } from './failure.ts';
import { hasControllingTerminal } from './terminal/controlling-terminal.ts';
import { columnsOfStream, openOutput } from './terminal/output.ts';
import { terminalQuestions } from './terminal/questions.ts';
import { styleFor, wantsColour } from './terminal/style.ts';
import { wrap } from './terminal/wrap.ts';
import { parseDuration } from './time.ts';

declare const CCLINK_VERSION: string;

/** What cclink is, in a sentence. */
export const DESCRIPTION = 'Hands a Claude Code session from one machine to another: no account, no server, no relay.';

/** How it is used, for the help and the man page. */
export const EXAMPLES = `
The usual way:
  cclink                  on this machine: publish the session of this folder
  cclink pickup           on the other one: look it up, open it, go on in claude

Where the session has never been on the other machine:
  cclink pickup --ssh laptop     fetch it from the first one
  export CCLINK_FOLDER=~/Sync    on both: it goes through that folder
  cclink export                  it goes in a file, for: cclink import <file>

Other ways:
  cclink --share <key>    for somebody's key; they type: cclink pickup <yours>
  cclink --pin            for anybody with a PIN
  cclink --burn --ttl 1h  handed over once, within the hour

A bare cclink takes the options of publish: --ttl, --share, --pin, --burn,
--folder, --no-mask, --qr, --dry-run, --force, --yes, --json, --timeout,
--quiet, --verbose. See:
  cclink publish --help

Both machines need your key (cclink init). Everything else is in the manual:
  https://github.com/cclink-cli/cclink#readme`;

const REFERENCE = `
Environment: CCLINK_BOOTSTRAP, CCLINK_KEY_FILE, CCLINK_PASSPHRASE,
CCLINK_PASSPHRASE_COMMAND, CCLINK_NEW_PASSPHRASE, CCLINK_PIN,
CCLINK_FOLDER, CLAUDE_CONFIG_DIR, NO_COLOR.
Exit codes: 0 done, 2 usage, 3 not there, 4 cannot open, 5 refused, 6 network,
7 no session or no claude, 8 not burnt, 9 key, 130 interrupted or a no.`;

/**
 * Runs what was typed, `argv` as Node gives it. Throws a `Failure`, or a `CommanderError` of the command
 * line.
 */
export async function runProgram(environment: Environment, argv: readonly string[]): Promise<void> {
  const program = emptyProgram();
  const { own, forClaude } = splitAtDashes(argv.slice(2));
  for (const [name, declaration] of await load(namesNeeded([...own, ...forClaude]))) {
    const command = program.command(name, { isDefault: name === DEFAULT_COMMAND });
    describe(command, declaration);
    command.action(async () => {
      const options = command.optsWithGlobals<SharedOptions>();
      if (environment.underClaudeCode && !declaration.allowedForAgent?.(options, command.args)) {
        throw notForAnAgent(environment);
      }
      if (name === DEFAULT_COMMAND) await mustBeSessionId(command.args[0]);
      if (options.json && !declaration.json) throw noJson(name);
      const args = ownArguments(name, declaration, command.args, forClaude);
      await declaration.run({
        context: contextFor(environment, options, command.getOptionValueSource('timeout') === 'cli'),
        options,
        args,
        claudeArgs: command.args.slice(args.length),
        loadCommands: () => load(COMMAND_NAMES),
      });
    });
  }
  await program.parseAsync(argv);
}

/** What was typed for us, and after a `--` what is for `claude`. */
export function splitAtDashes(typed: readonly string[]): { own: readonly string[]; forClaude: readonly string[] } {
  const end = typed.indexOf('--');
  return end === -1 ? { own: typed, forClaude: [] } : { own: typed.slice(0, end), forClaude: typed.slice(end + 1) };
}

/** The one argument of a command, without the words after `--`, which commander takes for arguments too. */
function ownArguments(
  name: CommandName,
  { argument, claudeOptions }: Declaration,
  args: readonly string[],
  forClaude: readonly string[],
): readonly string[] {
  const own = claudeOptions ? args.slice(0, args.length - forClaude.length) : args;
  const tooMany = own[argument === undefined ? 0 : 1];
  if (tooMany === undefined) return own;
  throw new Failure('usage', `"${tooMany}" is one argument too many.`, `See: cclink ${name} --help`);
}

function noJson(name: CommandName): Failure {
  return new Failure('usage', `cclink ${name} has no JSON result.`, `Leave out --json: cclink ${name}`);
}

/** The commands to load: the one that is asked for, or all if their help is. */
function namesNeeded(words: readonly string[]): readonly CommandName[] {
  const first = words.find((word) => !FLAGS_EVERYWHERE.includes(word)) ?? DEFAULT_COMMAND;
  if (isCommandName(first)) return [first];
  return first === 'help' || words.some((word) => word === '-h' || word === '--help')
    ? COMMAND_NAMES
    : [DEFAULT_COMMAND];
}

const FLAGS_EVERYWHERE = EVERYWHERE.flatMap(({ flags }) => flags.split(', '));

function load(names: readonly CommandName[]): Promise<[CommandName, Declaration][]> {
  return Promise.all(names.map(async (name) => [name, (await COMMANDS[name]()).command]));
}

function emptyProgram(): Command {
  const program = new Command('cclink')
    .description(DESCRIPTION)
    .version(`cclink ${CCLINK_VERSION}`, '-V, --version')
    .helpCommand('help [command]', 'show the help of a command')
    .helpOption('-h, --help', 'show this help')
    .usage('[session-id] [options]\n       cclink <command> [options]')
    .configureHelp({ subcommandTerm: nameAndArgument, minWidthToWrap: 20 })
    .configureOutput({ writeErr: () => {} })
    .enablePositionalOptions(false)
    .exitOverride()
    .addHelpText('after', () => inThisTerminal(`${EXAMPLES}\n${REFERENCE}`));
  for (const option of EVERYWHERE) program.addOption(commanderOption(option).hideHelp());
  return program;
}

function describe(command: Command, declaration: Declaration): void {
  const { argument, summary, help, claudeOptions } = declaration;
  command.description(summary).exitOverride().helpOption('-h, --help', 'show this help');
  if (argument !== undefined) command.argument(argument);
  for (const option of optionsOf(declaration)) command.addOption(commanderOption(option));
  command.allowExcessArguments(); // ownArguments says which one it is
  if (claudeOptions) command.usage(`[options] ${argument} [-- claude-options...]`);
  if (help !== undefined) command.addHelpText('after', () => inThisTerminal(`\n${help}`));
}

/** Text for standard output. */
const inThisTerminal = (text: string) => wrap(text, columnsOfStream(process.stdout));

function commanderOption({ flags, description, default: value, conflicts, repeats }: OptionDeclaration): Option {
  const option = new Option(flags, description);
  if (repeats) option.argParser((text, before: readonly string[] = []) => [...before, text]);
  if (value !== undefined) option.default(value);
  return conflicts === undefined ? option : option.conflicts([...conflicts]);
}

/** How the list of commands names one: `pickup [who]`. */
function nameAndArgument(command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...words].join(' ');
}

function contextFor(environment: Environment, options: SharedOptions, isTimeoutGiven: boolean): Context {
  const { json = false, quiet = false, verbose = false, yes = false } = options;
  const mayAsk = !environment.underClaudeCode && hasControllingTerminal();
  const output = openOutput({ json, quiet, verbose }, process.env);
  const style = styleFor(wantsColour(process.env, { isTTY: true }));
  return {
    environment,
    output,
    questions: terminalQuestions(
      mayAsk,
      (question, instead) => (environment.underClaudeCode ? notForAnAgent(environment) : noTerminal(question, instead)),
      { style, whileAsking: output.whileAsking },
    ),
    // An agent's -y is not a person's yes.
    yes: yes && !environment.underClaudeCode,
    timeoutMs: 1000 * parseDuration(options.timeout ?? '20s', '--timeout', 1, 3600),
    isTimeoutGiven,
  };
}

function noTerminal(question: string, instead: string | null): Failure {
  const inTerminal = hasDataOnStandardInput() || !process.env['SSH_CONNECTION'] ? 'in a terminal' : 'with ssh -t';
  return new Failure(
    'usage',
    `There is no terminal to ask this on: ${question}`,
    instead === null ? `Run it ${inTerminal}.` : `${instead}, or run it ${inTerminal}.`,
  );
}

/** True if standard input is data, and so at the other end of ssh too: there, ssh -t would refuse it. */
function hasDataOnStandardInput(): boolean {
  try {
    return process.argv.includes('-') || fstatSync(0).isFile();
  } catch {
    return false;
  }
}

/** Throws `usage` for a word that is neither a command nor, by its characters, a session id. */
async function mustBeSessionId(word: string | undefined): Promise<void> {
  if (word === undefined || /^[0-9a-f-]+$/i.test(word)) return;
  if (isCommandName(word)) {
    throw new Failure('usage', 'Put options after the command.', `Write: cclink ${word} [options]`);
  }
  const { closest, distance } = await import('fastest-levenshtein');
  const nearest = closest(word, COMMAND_NAMES);
  const hint = distance(word, nearest) <= 2 ? `Did you mean: cclink ${nearest}` : 'See: cclink --help';
  throw new Failure('usage', `"${word}" is neither a command nor a session id.`, hint);
}
