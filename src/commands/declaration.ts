import type { Context } from './context.ts';

/** An option, as commander takes it: `--ttl <time>`. */
export interface OptionDeclaration {
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  /** The names of options that can't be given together with it: `pin`. */
  readonly conflicts?: readonly string[];
  /** True if it may be given several times: its value is then a list. */
  readonly repeats?: true;
}

/** What a command is run with. */
interface Invocation<Options = unknown> {
  readonly context: Context;
  readonly options: Options;
  readonly args: readonly string[];
  /** What followed `--`. */
  readonly claudeArgs: readonly string[];
  /** Loads every command, in the order of the help. */
  readonly loadCommands: () => Promise<readonly (readonly [name: string, Declaration])[]>;
}

/**
 * A command: what its help says, and what it does. `Options` are its own options, as commander names them.
 */
export interface Declaration<Options = unknown> {
  /** Its one argument, if it takes one: `[who]`, or `<shell>` if it must be given. */
  readonly argument?: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly options?: readonly OptionDeclaration[];
  /** What its help says below the options. */
  readonly help?: string;
  /** Which of the options that commands share it takes, beside --quiet. */
  readonly yes?: true;
  readonly json?: true;
  readonly timeout?: true;
  /** What --verbose tells, for the help, where that is something else than what the network does. */
  readonly verbose?: string;
  /** True if it takes words after `--`, which are for `claude`. */
  readonly claudeOptions?: true;
  /**
   * True if an agent, a model at the keyboard, may run it with these arguments; no agent may if this is
   * missing.
   */
  allowedForAgent?(options: Options, args: readonly string[]): boolean;
  run(invocation: Invocation<Options>): Promise<void>;
}

/** What a bare `cclink` does. */
export const DEFAULT_COMMAND = 'publish';

/** Of the commands that a session can leave by. */
export const NO_MASK: OptionDeclaration = {
  flags: '--no-mask',
  description: 'let keys and passwords leave for somebody else as they are',
};

const YES = { flags: '-y, --yes', description: 'do not ask' };
const JSON_RESULT = { flags: '--json', description: 'print one JSON value, and nothing else, on standard output' };
const TIMEOUT = { flags: '--timeout <time>', description: 'the most time for the network', default: '20s' };
const QUIET = { flags: '-q, --quiet', description: 'print only the result', conflicts: ['verbose'] };
const VERBOSE = { flags: '-v, --verbose', description: 'tell what the network does' };

/** The options that stand before a command too, where the help doesn't show them. */
export const EVERYWHERE: readonly OptionDeclaration[] = [JSON_RESULT, QUIET, VERBOSE];

/** What the shared options were set to. */
export interface SharedOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly yes?: boolean;
  readonly timeout?: string;
}

/** The options that a command's help tells, its own first. All take --verbose, which many have no use for. */
export function optionsOf({ options = [], yes, json, timeout, verbose }: Declaration): readonly OptionDeclaration[] {
  const tells = verbose ?? (timeout && VERBOSE.description);
  return [
    ...options,
    ...(yes ? [YES] : []),
    ...(json ? [JSON_RESULT] : []),
    ...(timeout ? [TIMEOUT] : []),
    QUIET,
    ...(tells === undefined ? [] : [{ ...VERBOSE, description: tells }]),
  ];
}
