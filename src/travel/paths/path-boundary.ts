/** Bytes of the texts in which paths stand. */
const [QUOTE, PERCENT, DASH, DOT, SLASH, COLON, AT, BACKSLASH] = [0x22, 0x25, 0x2d, 0x2e, 0x2f, 0x3a, 0x40, 0x5c];
const [CAPITAL_K, UNDERSCORE, SMALL_M, SMALL_U, CLOSING_BRACE, TILDE] = [0x4b, 0x5f, 0x6d, 0x75, 0x7d, 0x7e];
const [PLUS, DOLLAR, CLOSING_PAREN] = [0x2b, 0x24, 0x29];

/**
 * Whether an absolute path can begin at `at` in `json`: what stands before is not a part of the same word. In
 * `/mnt/home/a` no path `/home/a` begins, but one does in `file:///home/a`, `-I/home/a`, behind an escape
 * (`\n`) or a colour of a terminal.
 */
export function canBeginAt(json: Buffer, at: number): boolean {
  const before = json[at - 1];
  if (before === undefined) return true;
  if (isLetterOrDigit(before)) return isEndOfEscape(json, at) || isEndOfColour(json, at) || isEndOfFlag(json, at);
  switch (before) {
    case SLASH:
      return json[at - 2] === SLASH && json[json[at - 3] === SLASH ? at - 4 : at - 3] === COLON;
    case UNDERSCORE:
    case DOT:
    case TILDE:
    case PERCENT:
    case DOLLAR:
    case CLOSING_BRACE:
    case CLOSING_PAREN:
    case BACKSLASH:
      return false;
    default:
      return true;
  }
}

/**
 * Whether a name can end before `at` in `json`: in `/home/a/proj2` the path `/home/a/proj` does not end, in
 * `/home/a/proj/x` and `/home/a/proj.` at the end of a sentence it does.
 */
export function canEndAt(json: Buffer, at: number): boolean {
  const next = json[at];
  if (next === undefined) return true;
  if (next >= 0x80) return !isName(characterAt(json, at));
  if (next === DOT) return endsSentence(json, at);
  if (next === BACKSLASH) {
    const code = escapedCode(json, at);
    return code === null || !isName(String.fromCharCode(code));
  }
  return !isLetterOrDigit(next) && !isNameSign(next);
}

/** How many backslashes stand before `at`, none before `from` counted. */
export function backslashesBefore(json: Buffer, at: number, from = 0): number {
  let start = at;
  while (start > from && json[start - 1] === BACKSLASH) start -= 1;
  return at - start;
}

/** How many backslashes begin at `at`. */
export function backslashesAt(json: Buffer, at: number): number {
  let end = at;
  while (json[end] === BACKSLASH) end += 1;
  return end - at;
}

/** Dots that no name goes on behind. */
function endsSentence(json: Buffer, at: number): boolean {
  let end = at;
  while (json[end] === DOT) end += 1;
  const next = json[end];
  if (next === undefined || next === QUOTE) return true;
  if (next === BACKSLASH) return /^[nrtbf"]$/.test(String.fromCharCode(json[end + backslashesAt(json, end)] ?? QUOTE));
  return next !== SLASH && canEndAt(json, end);
}

/** Behind the letter of `\n`, or the digits of `\u001b`, of JSON or of JSON in JSON. */
function isEndOfEscape(json: Buffer, at: number): boolean {
  if (json[at - 2] === BACKSLASH) return /^[nrtbfe]$/.test(String.fromCharCode(json[at - 1] ?? 0));
  return (
    json[at - 5] === SMALL_U &&
    json[at - 6] === BACKSLASH &&
    /^[0-9A-Fa-f]{4}$/.test(json.toString('latin1', at - 4, at))
  );
}

/** Behind `[01;34m` and `[K`, in which `ls` and `grep` wrap names. */
function isEndOfColour(json: Buffer, at: number): boolean {
  const last = json[at - 1];
  if (last !== SMALL_M && last !== CAPITAL_K) return false;
  return /\[[\d;]*[mK]$/.test(json.toString('latin1', Math.max(0, at - 20), at));
}

/** Behind `-I` and `-L` of a compiler. */
function isEndOfFlag(json: Buffer, at: number): boolean {
  const [letter, before] = [json[at - 1] ?? 0, json[at - 3]];
  const isCapital = letter >= 0x41 && letter <= 0x5a;
  return isCapital && json[at - 2] === DASH && (before === undefined || !isLetterOrDigit(before));
}

/** The code unit of a `\u00e9` at `at`, of JSON or of JSON in JSON; null if there is none. */
function escapedCode(json: Buffer, at: number): number | null {
  const start = at + backslashesAt(json, at);
  if (json[start] !== SMALL_U) return null;
  const digits = json.toString('latin1', start + 1, start + 5);
  return /^[0-9A-Fa-f]{4}$/.test(digits) ? Number.parseInt(digits, 16) : null;
}

function characterAt(json: Buffer, at: number): string {
  const first = json[at] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return json.toString('utf8', at, at + length);
}

const isName = (character: string) => /^[\p{L}\p{N}\p{M}\p{Extended_Pictographic}_~%+@-]/u.test(character);
const isNameSign = (byte: number) =>
  byte === UNDERSCORE || byte === DASH || byte === TILDE || byte === PERCENT || byte === PLUS || byte === AT;

function isLetterOrDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}
