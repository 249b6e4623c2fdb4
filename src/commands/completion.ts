import { Failure } from '../failure.ts';
import { DEFAULT_COMMAND, type Declaration, optionsOf } from './declaration.ts';

/** How a user loads the script of a shell: each script says it at its top, too. */
const SET_UP = {
  bash: 'in ~/.bashrc:  eval "$(cclink completion bash)"',
  zsh: 'in ~/.zshrc:   source <(cclink completion zsh)',
  fish: 'once:          cclink completion fish > ~/.config/fish/completions/cclink.fish',
} as const;

export const command: Declaration = {
  argument: '<shell>',
  summary: 'completion script for bash, zsh, fish',
  help: `To set it up:
  ${SET_UP.bash}
  ${SET_UP.zsh}
  ${SET_UP.fish}
It completes commands, options, and the ids of the sessions of the current folder.`,
  allowedForAgent: () => true,
  async run({ args: [shell = ''], loadCommands }) {
    process.stdout.write(completionScript((await loadCommands()).map(completable), shell));
  },
};

/** One command as completion needs it. */
interface Completable {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletableOption[];
  /** What its argument is, if that can be completed. */
  readonly argument: 'session' | 'shell' | 'command' | 'file' | null;
}

interface CompletableOption {
  readonly flags: readonly string[];
  readonly description: string;
  /** What follows it: `file`, `dir`, `time`, `key`. */
  readonly value: string | null;
}

const ARGUMENTS: Readonly<Record<string, Completable['argument']>> = {
  publish: 'session',
  export: 'session',
  revoke: 'session',
  import: 'file',
  completion: 'shell',
};

/** The completion script for a shell. Throws `usage` for a shell that has none. */
function completionScript(declared: readonly Completable[], shell: string): string {
  const help = { name: 'help', description: 'show the help of a command', options: [], argument: 'command' } as const;
  const commands = [...declared, help];
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
    default:
      throw new Failure(
        'usage',
        `There is no completion for "${shell}".`,
        'Choose one of bash, zsh, fish: cclink completion bash',
      );
  }
}

function completable([name, declaration]: readonly [string, Declaration]): Completable {
  const help = { flags: '-h, --help', description: 'show this help' };
  return {
    name,
    description: declaration.summary,
    options: [...optionsOf(declaration), help].map(({ flags, description }) => ({
      flags: flags.replace(/ <.*>/, '').split(', '),
      description,
      value: /<(.*)>/.exec(flags)?.[1] ?? null,
    })),
    argument: ARGUMENTS[name] ?? null,
  };
}

/** What a bare `cclink` does. */
const defaultOf = (commands: readonly Completable[]) =>
  commands.find(({ name }) => name === DEFAULT_COMMAND) as Completable;

const flagsOf = (command: Completable) => command.options.flatMap(({ flags }) => flags);

/** The options that are followed by a value. */
const valueFlagsOf = (commands: readonly Completable[]) => [
  ...new Set(commands.flatMap(({ options }) => options.filter(({ value }) => value !== null).flatMap(flagsOfOption))),
];
const flagsOfOption = ({ flags }: CompletableOption) => flags;

/** The options that are followed by a value of this kind. */
const flagsOfKind = (commands: readonly Completable[], kind: string) => [
  ...new Set(commands.flatMap(({ options }) => options.filter(({ value }) => value === kind).flatMap(flagsOfOption))),
];

function bash(commands: readonly Completable[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const argumentWords = (argument: Completable['argument']) =>
    argument === 'session'
      ? ' $(_cclink_sessions)'
      : argument === 'shell'
        ? ' bash zsh fish'
        : argument === 'command'
          ? ` ${names}`
          : '';
  const cases = commands.map(({ name, argument, options }) => {
    const words = `words="${options.flatMap(flagsOfOption).join(' ')}${argumentWords(argument)}"`;
    return `    ${name}) ${argument === 'file' ? `[[ $current == -* ]] || { _cclink_paths -f; return; }; ${words}` : words} ;;`;
  });
  return `# cclink completion for bash. To load it, ${SET_UP.bash}

# The ids of the sessions of this folder. Names of files are hostile: compgen expands its words.
_cclink_sessions() {
  local file
  for file in "\${CLAUDE_CONFIG_DIR:-$HOME/.claude}/projects/\${PWD//[^a-zA-Z0-9]/-}"/????????-????-????-????-????????????.jsonl; do
    file=\${file##*/} file=\${file%.jsonl}
    case $file in *[!0-9a-f-]*) ;; *) printf '%s\\n' "$file" ;; esac
  done
}

# Names of files (-f) or folders (-d).
_cclink_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null # unknown to the bash of macOS
  COMPREPLY=($(compgen "$1" -- "\${COMP_WORDS[COMP_CWORD]}"))
}

_cclink() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' words i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [ "\${COMP_WORDS[i]}" = -- ] && return # what follows is for claude
  done
  case $previous in
    ${flagsOfKind(commands, 'file').join(' | ')}) _cclink_paths -f; return ;;
    ${flagsOfKind(commands, 'dir').join(' | ')}) _cclink_paths -d; return ;;
    ${valueFlagsOf(commands).join(' | ')}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD && \${#command} == 0; i++)); do
    case \${COMP_WORDS[i]} in
      ${valueFlagsOf(commands).join(' | ')}) ((i++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[i]} ;;
    esac
  done
  case $command in
${cases.join('\n')}
    '')
      words='${names} ${flagsOf(defaultOf(commands)).join(' ')}'
      [ -n "$current" ] && words="$words $(_cclink_sessions)"
      ;;
    *) words='${flagsOf(defaultOf(commands)).join(' ')}' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _cclink cclink
`;
}

const zshText = (text: string) => text.replace(/'/g, "'\\''").replace(/[[\]:]/g, '\\$&');

function zsh(commands: readonly Completable[]): string {
  const PATHS: Readonly<Record<string, string>> = { file: ':file:_files', dir: ':folder:_files -/' };
  const takes = (value: string | null) => (value === null ? '' : (PATHS[value] ?? `:${zshText(value)}: `));
  const optionsFor = ({ options }: Completable) =>
    options.flatMap(({ flags, description, value }) =>
      flags.map((flag) => `'${flag}[${zshText(description)}]${takes(value)}'`),
    );
  const ARGUMENT = {
    session: ["'1:session:_cclink_sessions'"],
    shell: ["'1:shell:(bash zsh fish)'"],
    command: ["'1:command:_cclink_commands'"],
    file: ["'1:file:_files'"],
  };
  const argumentFor = ({ argument }: Completable) => (argument === null ? [] : ARGUMENT[argument]);
  const cases = commands.map(
    (command) =>
      `    ${command.name}) _arguments ${[...optionsFor(command), ...argumentFor(command)].join(' ') || "': :'"} ;;`,
  );
  return `#compdef cclink
# cclink completion for zsh. To load it, ${SET_UP.zsh}
# Or keep it as _cclink in a folder of $fpath.
_cclink_commands() {
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    '${name}:${zshText(description)}'`).join('\n')}
  )
  _describe 'command' commands
}

# The ids of the sessions of this folder.
_cclink_sessions() {
  local -a sessions
  sessions=("\${CLAUDE_CONFIG_DIR:-$HOME/.claude}/projects/\${PWD//[^a-zA-Z0-9]/-}"/????????-????-????-????-????????????.jsonl(N:t:r))
  (( $#sessions )) && compadd -a sessions
}

_cclink() {
  local i command=
  (( $words[(I)--] && $words[(I)--] < CURRENT )) && return # what follows is for claude
  for (( i = 2; i < CURRENT; i++ )); do
    case $words[i] in
      ${valueFlagsOf(commands).join(' | ')}) (( i++ )) ;;
      -*) ;;
      *) command=$words[i]; break ;;
    esac
  done
  if [[ -z $command ]]; then
    if [[ $words[CURRENT] == -* || $i -gt $CURRENT ]]; then
      _arguments ${optionsFor(defaultOf(commands)).join(' ')}
      return
    fi
    _cclink_commands
    [[ -n $words[CURRENT] ]] && _cclink_sessions
    return
  fi
  shift $(( i - 1 )) words
  (( CURRENT -= i - 1 ))
  case $command in
${cases.join('\n')}
    *) _arguments ${optionsFor(defaultOf(commands)).join(' ')} ;;
  esac
}

# As a file of $fpath, this is the function's first call.
if [[ $funcstack[1] == _cclink ]]; then
  _cclink "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _cclink cclink
fi
`;
}

const fishText = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function fish(commands: readonly Completable[]): string {
  const PATHS: Readonly<Record<string, string>> = {
    file: ' -r -F',
    dir: " -x -a '(__fish_complete_directories (commandline -ct))'",
  };
  const optionLines = (condition: string, { options }: Completable) =>
    options.map(({ flags, description, value }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const takes = value === null ? '' : (PATHS[value] ?? ' -x');
      return `complete -c cclink -n ${condition} ${names.join(' ')}${takes} -d ${fishText(description)}`;
    });
  const ARGUMENT = {
    session: `-a '(__cclink_sessions)'`,
    shell: `-a 'bash zsh fish'`,
    command: `-a '${commands.map(({ name }) => name).join(' ')}'`,
    file: '-F',
  };
  const lines = commands.flatMap((command) => {
    const condition = `'__cclink_command_is ${command.name}'`;
    const { argument } = command;
    return [
      `complete -c cclink -n __cclink_needs_command -a ${command.name} -d ${fishText(command.description)}`,
      ...optionLines(condition, command),
      ...(argument === null ? [] : [`complete -c cclink -n ${condition} ${ARGUMENT[argument]}`]),
    ];
  });
  return `# cclink completion for fish. To load it, ${SET_UP.fish}

# The ids of the sessions of this folder.
function __cclink_sessions
    set -l folder ~/.claude
    set -q CLAUDE_CONFIG_DIR; and set folder $CLAUDE_CONFIG_DIR
    set -l slug (string replace -ra '[^a-zA-Z0-9]' - -- $PWD)
    for file in $folder/projects/$slug/*.jsonl
        string match -rg '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\\.jsonl$' -- $file
    end
end

# The command that was typed; fails if there is none yet.
function __cclink_command
    set -l words (commandline -opc)[2..]
    while set -q words[1]
        switch $words[1]
            case ${valueFlagsOf(commands).join(' ')}
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return
        end
        set -e words[1]
    end
    return 1
end

function __cclink_needs_command
    not __cclink_command >/dev/null
end

function __cclink_command_is
    contains -- (__cclink_command) $argv
end

complete -c cclink -f
complete -c cclink -n '__cclink_needs_command; and string length -q -- (commandline -ct)' -a '(__cclink_sessions)'
${optionLines('__cclink_needs_command', defaultOf(commands)).join('\n')}
${lines.join('\n')}
`;
}
