/** A way in which a path is written in JSON. */
export interface Spelling {
  readonly bytes: Buffer;
  /** Its first letter names a drive, which is written in either case; it is not in `bytes`. */
  readonly drive: string | null;
  /** How many backslashes are a separator in it; 0 if a slash is. */
  readonly backslashes: number;
}

/** JSON in JSON in JSON: deeper ones are not looked for. */
const DEEPEST = 3;

/** True for a path of Windows below a drive or a share: `C:\a`, `\\server\share\a`. */
export const isWindowsPath = (path: string) => /^(?:[A-Za-z]:[\\/]|\\\\)[^\\/]/.test(path);

/** True for an absolute path of another system, the root excepted. */
export const isPosixPath = (path: string) => /^\/[^/]/.test(path);

/** How an absolute path, without a separator at its end, may stand in well-formed JSON. */
export function spellingsOf(path: string): Spelling[] {
  const forms = [...new Set([path, path.normalize('NFC'), path.normalize('NFD')])];
  return forms.flatMap((form) => (isWindowsPath(form) ? windowsSpellings(form) : posixSpellings(form)));
}

/** `text` as it stands in a string of JSON that is `depth` deep in JSON. */
export function escaped(text: string, depth: number): string {
  return depth === 0 ? text : escaped(JSON.stringify(text).slice(1, -1), depth - 1);
}

function posixSpellings(path: string): Spelling[] {
  const texts = [1, 2, DEEPEST].map((depth) => escaped(path, depth));
  return [...new Set(texts)].map((text) => ({ bytes: Buffer.from(text), drive: null, backslashes: 0 }));
}

function windowsSpellings(path: string): Spelling[] {
  const names = path.replaceAll('/', '\\');
  const drive = /^[A-Za-z](?=:)/.exec(names)?.[0] ?? null;
  const rest = drive === null ? names : names.slice(1);
  const spelling = (text: string, backslashes: number) => ({ bytes: Buffer.from(text), drive, backslashes });
  const spellings = [1, 2, DEEPEST].map((depth) => spelling(escaped(rest, depth), 2 ** depth));
  const slashed = rest.replaceAll('\\', '/');
  spellings.push(spelling(slashed, 0));
  // As the shell of Git for Windows writes it.
  if (drive !== null) {
    for (const letter of [drive.toLowerCase(), drive.toUpperCase()]) {
      spellings.push({ bytes: Buffer.from(`/${letter}${slashed.slice(1)}`), drive: null, backslashes: 0 });
    }
  }
  return spellings;
}
