import { LEFT_OUT } from './left-out.ts';
import { mayNameSecretPath } from './secret-paths.ts';

/**
 * Takes the lines out of what a tool printed that come from files which `isSecret` tells by their paths: of
 * `grep` and its like, where each line names its file, of diffs, and of `head` and its like, which name the
 * file above.
 */
export function withoutSecretLines(text: string, isSecret: (path: string) => boolean): string {
  if (!mayNameSecretPath(text)) return text;
  const lines = text.split('\n');
  const kept: string[] = [];
  let section: Section = null;
  let isChanged = false;
  for (const [index, line] of lines.entries()) {
    const head = headOf(line, lines[index - 1] ?? '', lines[index + 1] ?? '');
    if (head !== null) section = head.paths.some((path) => isNamed(path, isSecret)) ? head.kind : null;
    else if (section === 'heading' && line === '') section = null;
    const isShown = section !== null || pathsBefore(line).some((path) => isNamed(path, isSecret));
    const isLeft = head === null && isShown && line !== LEFT_OUT;
    isChanged ||= isLeft;
    if (!isLeft) kept.push(line);
    else if (kept.at(-1) !== LEFT_OUT) kept.push(LEFT_OUT);
  }
  return isChanged ? kept.join('\n') : text;
}

/** What a part of the lines belongs to a file of secrets by. */
type Section = 'diff' | 'header' | 'heading' | null;

/** UTF-16 units of a line in which its path is looked for. */
const LONGEST_PATH = 1024;
const MOST_CUTS = 20;
/** A line of a file, after its number. */
const NUMBERED = /^\d+[:-]/;
const OLD_FILE = /^--- (?:a\/)?(.+?)(?:\t.*)?$/;
const NEW_FILE = /^\+\+\+ (?:b\/)?(.+?)(?:\t.*)?$/;
const CODE = /^(?:process|meta|import\.meta)\.env$/;

/** The paths that a line of `grep` may begin with: `path:12:text`, `path:text`, `path-12-text`. */
function pathsBefore(line: string): string[] {
  if (!/^[^\s"'`(<{[]/.test(line)) return [];
  const start = line.slice(0, LONGEST_PATH);
  const drive = /^[A-Za-z]:[\\/]/.test(start) ? 2 : 0;
  const colon = start.indexOf(':', drive);
  const paths = colon === -1 ? [] : [start.slice(0, colon)];
  const beforeColon = colon === -1 ? start : start.slice(0, colon);
  const context = /-\d+-/g;
  for (let cuts = 0, cut = context.exec(beforeColon); cut !== null && cuts < MOST_CUTS; cuts += 1) {
    paths.push(beforeColon.slice(0, cut.index));
    context.lastIndex = cut.index + 1;
    cut = context.exec(beforeColon);
  }
  return paths;
}

/** A line that says of which files the next ones are. */
function headOf(
  line: string,
  previous: string,
  next: string,
): { readonly kind: Section; readonly paths: readonly string[] } | null {
  const [, from, to] = /^diff --(?:git|cc|combined) (?:"?a\/)?(.+?)"?(?: "?b\/(.+?)"?)?$/.exec(line) ?? [];
  if (from !== undefined) return { kind: 'diff', paths: [from, to ?? from] };
  const [, named] = /^==> (.+) <==$/.exec(line) ?? [];
  if (named !== undefined) return { kind: 'header', paths: [named] };
  const [, old] = OLD_FILE.exec(line) ?? [];
  const [, young] = NEW_FILE.exec(next) ?? [];
  if (old !== undefined && young !== undefined) return { kind: 'diff', paths: [old, young] };
  const [, before] = OLD_FILE.exec(previous) ?? [];
  const [, after] = NEW_FILE.exec(line) ?? [];
  if (before !== undefined && after !== undefined) return { kind: 'diff', paths: [before, after] };
  if (NUMBERED.test(next) && !NUMBERED.test(line) && /^(?:[A-Za-z]:[\\/])?[^\s:]+$/.test(line))
    return { kind: 'heading', paths: [line] };
  return /^commit [0-9a-f]{7,64}\b/.test(line) ? { kind: null, paths: [] } : null;
}

function isNamed(path: string, isSecret: (path: string) => boolean): boolean {
  const isProse = /\s/.test(path) && !/[\\/]/.test(path);
  return path !== '' && !isProse && !CODE.test(path) && isSecret(path);
}
