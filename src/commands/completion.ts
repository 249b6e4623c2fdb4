import { Failure } from '../failure.ts';
import { DEFAULT_COMMAND, type Declaration, optionsOf } from './declaration.ts';

export const command: Declaration = {
  argument: '<shell>',
  summary: 'completion script for bash, zsh, fish',
  allowedForAgent: () => true,
  async run({ args: [shell = ''], loadCommands }) {
    process.stdout.write(completionScript((await loadCommands()).map(completable), shell));
  },
};

/** One command as completion needs it. */
interface Completable {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flags: readonly string[]; readonly description: string }[];
}

/** The completion script for a shell. Throws `usage` for a shell that has none. */
function completionScript(commands: readonly Completable[], shell: string): string {
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
    })),
  };
}

/** What a bare `cclink` does. */
const defaultOf = (commands: readonly Completable[]) =>
  commands.find(({ name }) => name === DEFAULT_COMMAND) as Completable;

const flagsOf = (command: Completable) => command.options.flatMap(({ flags }) => flags);

function bash(commands: readonly Completable[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.map((command) => `    ${command.name}) words='${flagsOf(command).join(' ')}' ;;`).join('\n');
  const defaults = flagsOf(commands.find(({ name }) => name === DEFAULT_COMMAND) ?? (commands[0] as Completable)).join(
    ' ',
  );
  return `# cclink completion for bash. To load it: source <(cclink completion bash)
_cclink() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words
  case $previous in
    --import) COMPREPLY=($(compgen -f -- "$current")); return ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")); return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases}
    *) words='${names} ${defaults}' ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words='${names} ${defaults}'
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _cclink cclink
`;
}

const zshText = (text: string) => text.replace(/'/g, "'\\''").replace(/[[\]:]/g, '\\$&');

function zsh(commands: readonly Completable[]): string {
  const describe = (command: Completable) =>
    command.options
      .flatMap(({ flags, description }) => flags.map((flag) => `'${flag}[${zshText(description)}]'`))
      .join(' ');
  return `#compdef cclink
# cclink completion for zsh. To load it: cclink completion zsh > "\${fpath[1]}/_cclink"
_cclink() {
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    '${name}:${zshText(description)}'`).join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe 'command' commands
    return
  fi
  case $words[2] in
${commands.map((command) => `    ${command.name}) _arguments ${describe(command)} ${command.name === 'completion' ? "'2:shell:(bash zsh fish)'" : "'*:file:_files'"} ;;`).join('\n')}
    *) _arguments ${describe(defaultOf(commands))} ;;
  esac
}
compdef _cclink cclink
`;
}

const fishText = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function fish(commands: readonly Completable[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c cclink -n __fish_use_subcommand -a ${command.name} -d ${fishText(command.description)}`,
    ...command.options.map(({ flags, description }) => {
      const names = flags
        .map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
        .join(' ');
      return `complete -c cclink -n '__fish_seen_subcommand_from ${command.name}' ${names} -d ${fishText(description)}`;
    }),
  ]);
  return `# cclink completion for fish. To load it: cclink completion fish > ~/.config/fish/completions/cclink.fish
complete -c cclink -f
complete -c cclink -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
complete -c cclink -n '__fish_seen_subcommand_from init' -l import -F
${lines.join('\n')}
`;
}
