import { Command, Option } from 'commander';
import type { Context } from './commands/context.ts';
import type { InitOptions } from './commands/init.ts';
import type { PickupOptions } from './commands/pickup.ts';
import type { PublishOptions } from './commands/publish.ts';
import type { WhoamiOptions } from './commands/whoami.ts';
import type { Environment } from './environment.ts';
import { Failure } from './failure.ts';
import { hasControllingTerminal } from './terminal/controlling-terminal.ts';
import { openOutput } from './terminal/output.ts';
import { terminalQuestions } from './terminal/questions.ts';
import { parseDuration } from './time.ts';

declare const CCLINK_VERSION: string;

/** What the options that every command knows were set to. */
interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly yes?: boolean;
  readonly timeout?: string;
}

/** Which of the common options a command knows, and whether a model at the keyboard may run it. */
interface CommandKind<Options> {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly network?: boolean;
  /** True where a model may run the command with these arguments. */
  readonly modelMay?: (options: Options, args: readonly string[]) => boolean;
}

const JSON_OPTION = () => new Option('--json', 'print one JSON value, and nothing else, on standard output');
const YES_OPTION = () => new Option('-y, --yes', 'do not ask');
const TIMEOUT_OPTION = () => new Option('--timeout <time>', 'the most time for the network').default('20s');
const QUIET_OPTION = () => new Option('-q, --quiet', 'print only the result').conflicts('verbose');
const VERBOSE_OPTION = () => new Option('-v, --verbose', 'tell what the network does');

/** Gives `command` its common options and its action, which loads the code of this one command only. */
function defineIn<Options>(
  environment: Environment,
  command: Command,
  kind: CommandKind<Options>,
  run: (context: Context, options: Options, args: string[]) => Promise<void>,
): void {
  if (kind.yes) command.addOption(YES_OPTION());
  if (kind.json !== false) command.addOption(JSON_OPTION());
  if (kind.network) command.addOption(TIMEOUT_OPTION());
  command.addOption(QUIET_OPTION()).addOption(VERBOSE_OPTION());
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions & Options>();
    const args = command.args;
    if (environment.underClaudeCode && !kind.modelMay?.(options, args)) throw notForAModel(environment);
    await run(contextFor(environment, options), options, args);
  });
}

function contextFor(environment: Environment, options: CommonOptions): Context {
  const { json = false, quiet = false, verbose = false, yes = false } = options;
  const mayAsk = !environment.underClaudeCode && hasControllingTerminal();
  return {
    environment,
    output: openOutput({ json, quiet, verbose }, process.env),
    questions: terminalQuestions(mayAsk, environment.underClaudeCode ? () => notForAModel(environment) : noTerminal),
    // A model's -y is not a person's yes.
    yes: yes && !environment.underClaudeCode,
    timeoutMs: 1000 * parseDuration(options.timeout ?? '20s', '--timeout', 1, 3600),
  };
}

function notForAModel(environment: Environment): Failure {
  return new Failure(
    'refused',
    'This is for a person to do, and a Claude Code session is at the keyboard.',
    `Type it in a terminal of your own:\n  ${environment.line}`,
  );
}

function noTerminal(): Failure {
  return new Failure(
    'usage',
    'There is a question to answer, and no terminal to ask it on.',
    'Run it in a terminal (over ssh: ssh -t), or answer beforehand with -y or the CCLINK_ variables: cclink --help',
  );
}

const EXAMPLES = `
The usual way:
  cclink                  on this machine: publish the session of this folder
  cclink pickup           on the other one: look it up, open it, go on in claude

Other ways:
  cclink --share <key>    for somebody's key; they type: cclink pickup <yours>
  cclink --pin            for whoever knows a PIN
  cclink --burn --ttl 1h  handed over once, within the hour

A bare cclink takes the options of publish: --ttl, --share, --pin, --burn, --qr,
--dry-run, --force, --yes, --json, --timeout, --quiet, --verbose. See:
  cclink publish --help

Both machines need your key (cclink init) and the session's own files. How to
bridge two machines, and everything else, is in the manual:
  https://github.com/cclink-cli/cclink#readme

Environment: CCLINK_BOOTSTRAP, CCLINK_KEY_FILE, CCLINK_PASSPHRASE,
CCLINK_PASSPHRASE_COMMAND, CCLINK_PIN, CLAUDE_CONFIG_DIR, NO_COLOR.
Exit codes: 0 done, 2 usage, 3 not there, 4 cannot open, 5 refused, 6 network,
7 no session or no claude, 8 not burnt, 9 key, 130 interrupted or a no.`;

/** The command line: every command with its options and help. Running one throws a `Failure` or a `CommanderError`. */
export function buildProgram(environment: Environment): Command {
  const program = new Command('cclink')
    .description('Hands a Claude Code session from one machine to another: no account, no server, no relay.')
    .version(CCLINK_VERSION, '-V, --version')
    .helpCommand('help [command]', 'show the help of a command')
    .helpOption('-h, --help', 'show this help')
    .usage('[session-id] [options]\n       cclink <command> [options]')
    .configureHelp({ subcommandTerm: nameAndArguments })
    .configureOutput({ writeErr: () => {} })
    .enablePositionalOptions(false)
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  for (const option of [JSON_OPTION(), QUIET_OPTION(), VERBOSE_OPTION()]) program.addOption(option.hideHelp());

  const define = <Options = unknown>(
    command: Command,
    kind: CommandKind<Options>,
    run: (context: Context, options: Options, args: string[]) => Promise<void>,
  ) => defineIn(environment, command, kind, run);
  const subcommand = (name: string, description: string, isDefault = false) =>
    program
      .command(name, { isDefault })
      .description(description)
      .exitOverride()
      .helpOption('-h, --help', 'show this help');

  define<PublishOptions>(
    subcommand('publish [session-id]', 'seal a session and publish it, as a bare cclink does', true)
      .option('--ttl <time>', 'how long it can be picked up: seconds, 90s, 30m, 12h, 7d', '24h')
      .addOption(new Option('--share <key>', "seal it for another's public key").conflicts(['pin', 'burn']))
      .option('--pin', 'seal it with a PIN; asked for twice, a bare Return makes one')
      .option('--burn', 'hand it over once: the first pickup takes it off the network')
      .option('--qr', 'draw the line for the other side as a QR code')
      .option('--dry-run', 'show what would be sealed and sent, and how large; nothing is')
      .option('--force', 'publish an id that has no session file here')
      .addHelpText(
        'after',
        `
Without an id: the session that runs this command, else the newest of this
folder, of those below it, or above it up to the git root.

With --pin, anybody who knows your public key can fetch the sealed record and
try PINs on a machine of their own, burnt or not: take a long one, or let cclink
make one (five words).`,
      ),
    {
      yes: true,
      network: true,
      modelMay: (options) => options.share === undefined && !options.pin,
    },
    async (context, options, [session]) => {
      if (session !== undefined && !/^[0-9a-f-]+$/i.test(session)) throw await notACommand(program, session);
      await (await import('./commands/publish.ts')).publish(context, options, session);
    },
  );
  define<PickupOptions>(
    subcommand('pickup [who]', 'look a handoff up, and go on with it in Claude Code')
      .option('--no-run', 'take it, and print the command instead of running it')
      .option('--tmux', 'run it in a new tmux window')
      .option('--qr', "draw the session's id as a QR code")
      .usage('[options] [who] [-- claude-options...]')
      .allowExcessArguments()
      .addHelpText(
        'after',
        '\nwho: nothing for your own key, or the public key of whoever published.\n--json implies --no-run; where the files of the session are not here, it prints\n"here": false and takes nothing.',
      ),
    { yes: true, network: true },
    async (context, options, args) => {
      const { pickup } = await import('./commands/pickup.ts');
      process.exitCode = await pickup(context, options, ...splitAtDashes(args));
    },
  );
  define(
    subcommand('show [who]', 'look a handoff up and open it, nothing else'),
    { network: true, modelMay: (_options, args) => args.length === 0 },
    async (context, _options, [who]) => (await import('./commands/show.ts')).show(context, who),
  );
  define(
    subcommand('list', 'the live handoffs under your key, as they stand now'),
    { network: true, modelMay: () => true },
    async (context) => (await import('./commands/list.ts')).list(context),
  );
  define(
    subcommand('revoke [who]', 'take your handoff back')
      .option('--all', 'everything under your key (there is one handoff at a time)')
      .addHelpText('after', '\nwho: nothing or your own public key; or the id of a session, to revoke that only.'),
    { yes: true, network: true },
    async (context, _options, [who]) => (await import('./commands/revoke.ts')).revokeHandoff(context, who),
  );
  define<InitOptions>(
    subcommand('init', 'make your key pair, or import it')
      .option('--import <file>', 'take the key from a file, or from standard input with -')
      .option('--no-passphrase', 'keep the key unencrypted'),
    { yes: true },
    async (context, options) => (await import('./commands/init.ts')).init(context, options),
  );
  define<WhoamiOptions>(
    subcommand('whoami', 'your public key, for others to share with')
      .option('--copy', 'copy the public key to the clipboard')
      .option('--qr', 'draw the public key as a QR code')
      .option('--age-identity', 'print the secret key as an age identity, after asking'),
    { modelMay: (options) => !options.ageIdentity },
    async (context, options) => (await import('./commands/whoami.ts')).whoami(context, options),
  );
  define(subcommand('demo', 'the whole story, on this machine alone'), { json: false }, async (context) =>
    (await import('./commands/demo.ts')).demo(context),
  );
  define(
    subcommand('completion <shell>', 'completion script for bash, zsh, fish'),
    { json: false },
    async (_context, _options, [shell]) => {
      const { completionScript } = await import('./commands/completion.ts');
      process.stdout.write(completionScript(program, shell ?? ''));
    },
  );
  return program;
}

/** How the list of commands names one: `pickup [who]`. */
function nameAndArguments(command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...words].join(' ');
}

/** A word that is neither a command nor a session id. */
async function notACommand(program: Command, word: string): Promise<Failure> {
  const names = program.commands.map((command) => command.name());
  if (names.includes(word)) {
    return new Failure(
      'usage',
      'Options stand after the command that they are for.',
      `Write: cclink ${word} [options]`,
    );
  }
  const { closest, distance } = await import('fastest-levenshtein');
  const nearest = closest(word, names);
  const hint = distance(word, nearest) <= 2 ? `Did you mean: cclink ${nearest}` : 'See: cclink --help';
  return new Failure('usage', `"${word}" is not a command, nor a session id.`, hint);
}

/** What was typed for us: everything up to `--`. */
export function ownArguments(): string[] {
  const typed = process.argv.slice(2);
  const end = typed.indexOf('--');
  return end === -1 ? typed : typed.slice(0, end);
}

/** The one argument of `pickup`, and what follows `--`, which is for `claude`. */
function splitAtDashes(args: string[]): [who: string | undefined, claudeArgs: string[]] {
  const forClaude = Math.max(0, process.argv.length - 2 - ownArguments().length - 1);
  const [who, surplus] = args.slice(0, args.length - forClaude);
  if (surplus !== undefined) {
    throw new Failure('usage', `"${surplus}" is one argument too many.`, 'See: cclink pickup --help');
  }
  return [who, args.slice(args.length - forClaude)];
}
