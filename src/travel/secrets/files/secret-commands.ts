import { LEFT_OUT } from '../left-out.ts';
import { isCode } from './secret-paths.ts';
import { readShell, type ShellPipeline, type ShellScript, type ShellWord } from './shell-words.ts';

/** Do no more with a file that they name than tell that it is there, or remove it. */
const SHOW_NOTHING = new Set([
  ...['echo', 'printf', 'ls', 'dir', 'rm', 'touch', 'chmod', 'chown', 'chgrp', 'mkdir', 'rmdir', 'stat'],
  ...['test', '[', '[['],
]);
const GIT_SHOWS_NOTHING = new Set([
  ...['add', 'rm', 'mv', 'status', 'check-ignore', 'ls-files', 'restore', 'checkout'],
]);
/** Take a pattern first, and files after it. */
const TAKE_PATTERN = new Set(['grep', 'egrep', 'fgrep', 'zgrep', 'rg', 'ag', 'ack', 'jq']);
/** An option after which none of the other words is the pattern. */
const HAS_PATTERN = /^-(?:[A-Za-z0-9]*[ef]|-regexp|-file)/;
const TAKE_KEY = new Set(['ssh', 'scp', 'sftp', 'rsync', 'autossh', 'mosh']);
const KEY_OPTION = /^-(?:i|F)$/;
/** Hand on what they are given, and do nothing else with it. */
const HAND_ON = new Set(['cat', 'tee']);
/** Write into a file what stands in their other words. */
const WRITE_WORDS = /(?:^|\/)(?:tee|g?sed|perl|g?awk|ed|ex|dd|(?:set|add)-content|out-file|new-item)$/i;
/** Run what stands in a word. */
const RUN_WORDS = /(?:^|\/)(?:python[\d.]*|node|deno|bun|ruby|php|(?:ba|z|da|k)?sh|eval)$/i;
/** A part of a word in which a path may stand: `HEAD:.env`, `--file=.env`, `open('.env')`. */
const PART = /[^\s;|&()<>=:,'"`{}[\]@!]+/g;
/** In code it is a property if a bracket stands beside it, and else may be the name of a file. */
const PROPERTY = /^[A-Za-z_$][\w$]*\.key$/;
const [BEFORE_PROPERTY, AFTER_PROPERTY] = [/[([{!,]$/, /^[)\]},;]/];
/** A word that may be the name of a private key, and is more often that of a variable. */
const VARIABLE = /^id_(?!rsa|dsa|ecdsa|ed25519|xmss)\w*$/i;

/** A command that names a file of secrets. */
export interface SecretCommand {
  /** The command, without what it writes to such a file. */
  readonly text: string;
  /** What was taken out of it. */
  readonly written: readonly string[];
}

/**
 * Looks at a command of a shell for files of secrets: those that `isSecret` tells of a path. Null if it shows
 * and writes none.
 */
export function secretCommand(command: string, isSecret: (path: string) => boolean): SecretCommand | null {
  const script = readShell(command);
  const reader = new CommandReader(command, isSecret);
  const concerned = script.pipelines.filter((pipeline) => reader.concerns(pipeline));
  if (concerned.length === 0 && !reader.isReadIn(script)) return null;
  const written = concerned.flatMap((pipeline) => reader.writtenWords(pipeline));
  return without(command, [...written, ...script.documents]);
}

class CommandReader {
  readonly #command: string;
  readonly #isSecret: (path: string) => boolean;
  /** What one command prints may be what another one reads. */
  readonly #isNested: boolean;

  constructor(command: string, isSecret: (path: string) => boolean) {
    this.#command = command;
    this.#isSecret = isSecret;
    this.#isNested = /\$\(|`|<\(/.test(command);
  }

  /** Whether one of its commands may show a file of secrets, or write one. */
  concerns(pipeline: ShellPipeline): boolean {
    return pipeline.some((words) => {
      const isSilent = pipeline.length === 1 && this.#showsNothing(words);
      const counting = isSilent ? words.filter(({ redirect }) => redirect !== null) : filesIn(words);
      return counting.some((word) => this.#names(word));
    });
  }

  /** Whether a file of secrets is named in a here-document that may be a program. */
  isReadIn({ documents }: ShellScript): boolean {
    return documents.some(({ start, end, reader }) => {
      if (reader.every((words) => HAND_ON.has(nameOf(words)))) return false;
      return this.#isNamedIn(this.#command.slice(start, end));
    });
  }

  /** The words of a pipeline that may become the content of a file of secrets. */
  writtenWords(pipeline: ShellPipeline): ShellWord[] {
    const all = pipeline.flat();
    const isRun = all.some(({ text }) => RUN_WORDS.test(text));
    const isWritten = all.some((word) => {
      return WRITE_WORDS.test(word.text) || (word.redirect === '>' && this.#names(word));
    });
    return pipeline.flatMap((words) => {
      const first = words.findIndex(({ text }) => !text.includes('='));
      return words.filter((word, index) => {
        return isWritten ? index !== first && !this.#isPlain(word) : isRun && /[\s(]/.test(word.text);
      });
    });
  }

  #showsNothing(words: readonly ShellWord[]): boolean {
    const name = nameOf(words);
    const [, verb] = words.filter(({ text }) => !text.startsWith('-'));
    // What stands in its message, nested or not, is no file.
    if (name === 'git' && verb?.text === 'commit') return true;
    if (this.#isNested) return false;
    return SHOW_NOTHING.has(name) || (name === 'git' && GIT_SHOWS_NOTHING.has(verb?.text ?? ''));
  }

  #isPlain(word: ShellWord): boolean {
    return word.redirect !== null || /^(?:-[A-Za-z]|--[a-z-]+)$/.test(word.text) || this.#isFile(word.text);
  }

  /** As it was meant, and as it is written: a path of Windows may stand without quotes. */
  #names({ text, start, end }: ShellWord): boolean {
    const raw = this.#command.slice(start, end);
    return this.#isNamedIn(text) || (raw.includes('\\') && this.#isNamedIn(raw));
  }

  #isNamedIn(text: string): boolean {
    if (this.#isFile(text)) return true;
    for (const { 0: part, index } of text.matchAll(PART)) {
      if (this.#isFile(part) && !isProperty(text, part, index)) return true;
    }
    return false;
  }

  #isFile(text: string): boolean {
    return !/\s/.test(text) && !isCode(text) && !VARIABLE.test(text) && this.#isSecret(text);
  }
}

function isProperty(text: string, part: string, start: number): boolean {
  const end = start + part.length;
  if (!PROPERTY.test(part)) return false;
  return BEFORE_PROPERTY.test(text.slice(start - 1, start)) || AFTER_PROPERTY.test(text.slice(end, end + 1));
}

/** The words of a command that may be files which it shows. */
function filesIn(words: readonly ShellWord[]): readonly ShellWord[] {
  const name = nameOf(words);
  if (TAKE_KEY.has(name)) return words.filter((_, index) => !KEY_OPTION.test(words[index - 1]?.text ?? ''));
  if (!TAKE_PATTERN.has(name) || words.some(({ text }) => HAS_PATTERN.test(text))) return words;
  const pattern = words.findIndex(({ text, redirect }, index) => {
    return index > 0 && redirect === null && !text.startsWith('-');
  });
  return words.filter((_, index) => index !== pattern);
}

/** What a command is called, without its folder. */
function nameOf(words: readonly ShellWord[]): string {
  const name = words.find(({ text, redirect }) => redirect === null && !/^\w+=/.test(text))?.text ?? '';
  return name
    .slice(name.lastIndexOf('/') + 1)
    .replace(/\.exe$/i, '')
    .toLowerCase();
}

/** `command` without `spans`, which are replaced; those with nothing but blanks between them as one. */
function without(command: string, spans: readonly { readonly start: number; readonly end: number }[]): SecretCommand {
  const parts: string[] = [];
  const written: string[] = [];
  let kept = 0;
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (end <= Math.max(start, kept)) continue;
    const between = command.slice(kept, start);
    if (written.length === 0 || /[^ \t]/.test(between)) {
      const isLines = command[end - 1] === '\n';
      parts.push(between, isLines ? `${LEFT_OUT}\n` : LEFT_OUT);
    }
    written.push(command.slice(start, end));
    kept = end;
  }
  return { text: parts.join('') + command.slice(kept), written };
}
