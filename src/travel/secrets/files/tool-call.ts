import { isObject } from '../../../claude/json-object.ts';
import { LEFT_OUT } from '../left-out.ts';
import { type SecretCommand, secretCommand } from './secret-commands.ts';
import { isCode } from './secret-paths.ts';

/** Only look. What they are given is no content of a file. */
const LOOKING = new Set(['Read', 'Grep', 'Glob', 'LS', 'NotebookRead']);
const WRITING = new Set(['Write', 'Edit', 'MultiEdit', 'NotebookEdit']);
/** Where the file is named in the input of all these. */
const FILE_KEYS = new Set(['file_path', 'notebook_path', 'path', 'glob']);
/** Keys of an input whose value is a command of a shell. */
const COMMAND_KEYS = new Set(['command', 'cmd', 'script', 'commands']);
/** Keys of an input whose value is a program: what it writes can't be told from the rest of it. */
const PROGRAM_KEYS = new Set(['code', 'expression', 'function']);
/** Keys whose value is for a person to read, or for another model. */
const PROSE_KEYS = new Set(['description', 'prompt', 'subject', 'title', 'query', 'url']);
/** Keys whose value says where and how, not what. */
const PLACE_KEYS = new Set([
  ...['file_path', 'filepath', 'path', 'notebook_path', 'filename', 'cwd', 'directory', 'uri', 'description'],
  ...['glob', 'type', 'mode', 'encoding', 'output_mode', 'cell_id', 'cell_type', 'edit_mode', 'language'],
]);
const PATH_KEY = /path|file|name|uri|glob|dir|source|dest/i;
/** UTF-16 units. No system opens a longer path. */
const LONGEST_PATH = 4096;
/** Files with a value on each line, `NAME=value`. */
const VALUES_FILE =
  /(?:^|[\\/\s'"])(?:\.env[^\\/\s]*|[^\\/\s]*\.(?:env|tfvars)|\.npmrc|\.pypirc|\.s3cfg|\.boto|credentials)['"\s]*$/i;
/** Does nothing but show a file. */
const SHOWS_FILE = /^\s*(?:cat|head|tail|less|more|bat|grep|type|gc|get-content)\b[^;&|<>$`]*$/i;

/** A call of a tool, as far as files of secrets go: those that `isSecret` tells of a path. */
export class ToolCall {
  /** Whether it names such a file. */
  readonly isSecret: boolean;
  /** Whether its result is the text of a file with values, or of a part of it. */
  readonly showsValues: boolean;
  readonly #strings: readonly InputString[];
  readonly #isLooking: boolean;

  constructor(name: string, input: unknown, isSecret: (path: string) => boolean) {
    this.#isLooking = LOOKING.has(name);
    const isKnown = this.#isLooking || WRITING.has(name);
    this.#strings = stringsIn(input).map((each) => {
      if (COMMAND_KEYS.has(each.key)) return { ...each, command: secretCommand(each.value, isSecret) };
      if (PROGRAM_KEYS.has(each.key)) return { ...each, command: secretProgram(each.value, isSecret) };
      const mayBePath = isKnown ? FILE_KEYS.has(each.key) : isPathLike(each);
      return { ...each, isPath: mayBePath && isSecret(each.value) };
    });
    const paths = this.#strings.filter((each) => each.isPath);
    const commands = this.#strings.filter(({ command }) => command !== undefined && command !== null);
    this.isSecret = paths.length + commands.length > 0;
    this.showsValues = [...paths, ...commands.filter(({ value }) => SHOWS_FILE.test(value))].some(({ value }) => {
      return VALUES_FILE.test(value);
    });
  }

  /** Takes out of the input what it writes into such a file, and returns that. */
  omitWritten(): string[] {
    const written: string[] = [];
    const isWriting = !this.#isLooking && this.#strings.some(({ isPath }) => isPath);
    for (const { key, value, isPath, command, replace } of this.#strings) {
      if (command !== undefined && command !== null) {
        // Where it was taken out before, that is what is written.
        if (command.text === value) continue;
        replace(command.text);
        written.push(...command.written);
      } else if (
        isWriting &&
        command === undefined &&
        !isPath &&
        !PLACE_KEYS.has(key) &&
        value !== '' &&
        value !== LEFT_OUT
      ) {
        replace(LEFT_OUT);
        written.push(value);
      }
    }
    return written;
  }
}

interface InputString {
  /** The key that it stands under: in an array, that of the array. */
  readonly key: string;
  readonly value: string;
  readonly isPath?: boolean;
  /** What it is as a command; undefined if it is none, null if it names no such file. */
  readonly command?: SecretCommand | null;
  replace(by: string): void;
}

/** The strings in the input of a tool, at every depth. */
function stringsIn(input: unknown): InputString[] {
  const strings: InputString[] = [];
  const open: { readonly key: string; readonly parts: Record<string | number, unknown> }[] = [];
  if (isParts(input)) open.push({ key: '', parts: input });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { key: outer, parts } = next;
    for (const [name, value] of Object.entries(parts)) {
      const key = Array.isArray(parts) ? outer : name;
      if (isParts(value)) open.push({ key, parts: value });
      else if (typeof value === 'string') {
        strings.push({
          key,
          value,
          replace(by) {
            parts[name] = by;
          },
        });
      }
    }
  }
  return strings;
}

const isParts = (value: unknown): value is Record<string | number, unknown> => isObject(value) || Array.isArray(value);

function secretProgram(program: string, isSecret: (path: string) => boolean): SecretCommand | null {
  return secretCommand(program, isSecret) === null ? null : { text: LEFT_OUT, written: [program] };
}

function isPathLike({ key, value }: InputString): boolean {
  if (PROSE_KEYS.has(key) || value.length > LONGEST_PATH || value.includes('\n') || isCode(value)) return false;
  return PATH_KEY.test(key) || !/\s/.test(value) || /[\\/]/.test(value);
}
