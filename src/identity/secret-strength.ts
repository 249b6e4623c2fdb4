/** A secret of fewer characters is refused. */
const MIN_CHARACTERS = 8;
/** Of digits alone, more are needed: eight of them are tried in an hour. */
const MIN_DIGITS = 12;
/** Neighbouring characters are a run from here on. */
const MIN_RUN = 3;
/** Rows of keys that fingers run along, on American, German and French keyboards. */
const KEY_ROWS = ['1234567890123', 'qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm'];
/** The longest piece whose repetition is no better than itself: `abcabcabc`. */
const MAX_REPEATED = 4;

/**
 * What is guessed first, in lower case: every published list of leaked passwords has these among its first
 * few hundred.
 */
const COMMON = new Set(
  `password passw0rd p@ssword p@ssw0rd password1 password12 password123 password! iloveyou sunshine princess football baseball
  basketball superman starwars whatever trustno1 letmein1 letmein123 welcome1 welcome123 qwertyuiop qwerty123 qwerty12 qwertyui
  qwert123 1qaz2wsx 1q2w3e4r 1q2w3e4r5t q1w2e3r4 zaq12wsx zaq1zaq1 qazwsxedc asdfghjk asdfghjkl zxcvbnm1 zxcvbnm123 abcd1234
  abc12345 abc123456 a1b2c3d4 aa123456 a1234567 a12345678 admin123 admin1234 administrator changeme changeme1 computer internet
  michelle jennifer jordan23 liverpool corvette mercedes maverick samantha victoria charlotte alexander christopher december
  november september dragon12 monkey123 shadow12 master12 michael1 ashley12 baby1234 lovely12 hello123 hellohello testtest
  test1234 testing1 secret12 secret123 secretsecret default1 guest123 root1234 toor1234 login123 access14 claude12 claudecode
  cclink12 cclinkcclink mypassword mypass12 passpass pass1234 pass12345 password2 newpassword iloveyou1 iloveyou2 babygirl
  blink182 chocolate butterfly spiderman pokemon1 minecraft fuckyou1 fuckyou2 asshole1 killer12 hunter12 hunter123 batman12
  thunder1 matrix12 cowboys1 yankees1 lakers24 steelers redskins arsenal1 chelsea1 barcelona juventus`.split(/\s+/),
);
/** Words that are guessed first, with anything around them: `Passw0rd2026!`. Lower case, no leetspeak. */
const COMMON_STEMS = new Set(
  `password passwort passphrase motdepasse contrasena letmein welcome qwerty qwertz azerty asdf iloveyou admin administrator login
  monkey dragon shadow master secret hello test testing changeme default guest root cclink claude claudecode pubky
  spring summer autumn winter fruhling sommer herbst january february march april june july august september october november
  december monday tuesday wednesday thursday friday saturday sunday`.split(/\s+/),
);
const LEET: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
};

/**
 * Why a new passphrase or PIN (text or UTF-8 bytes) is too easy to guess, in the user's words; null if it is
 * good enough. One rule for both: whoever has the encrypted key or the sealed record can try for years.
 */
export function weaknessOf(secret: string | Uint8Array): string | null {
  const text = typeof secret === 'string' ? secret : new TextDecoder().decode(secret);
  if ([...text].length < MIN_CHARACTERS) return `it has fewer than ${MIN_CHARACTERS} characters`;
  // Between the characters of a run or a date, spaces and signs change nothing.
  const core = [...text.toLowerCase().replace(/[\s\p{P}]/gu, '')];
  const characters = core.length < MIN_CHARACTERS ? [...text.toLowerCase()] : core;
  if (new Set(characters).size === 1) return 'it is one character again and again';
  if (isRepeated(characters)) return 'it is the same few characters again and again';
  if (isMadeOfRuns(characters)) return 'it is a run of neighbouring characters';
  if (core.every((character) => /\p{Nd}/u.test(character)) && core.length < MIN_DIGITS) {
    return `digits alone need to be at least ${MIN_DIGITS}`;
  }
  if (COMMON.has(text.toLowerCase()) || COMMON_STEMS.has(stemOf(text))) {
    return 'it is among the first that anybody would try';
  }
  return null;
}

/**
 * True if the characters are nothing but runs of three or more: along the alphabet, the digits or a row of
 * keys, in either direction. `12345678`, `hgfedcba`, `qwer1234`.
 */
function isMadeOfRuns(characters: readonly string[]): boolean {
  for (let start = 0; start < characters.length; ) {
    const length = Math.max(...STEPS.map((isStep) => runLength(characters, start, isStep)));
    if (length < MIN_RUN) return false;
    start += length;
  }
  return true;
}

function runLength(
  characters: readonly string[],
  start: number,
  isStep: (from: string, to: string) => boolean,
): number {
  let end = start + 1;
  while (end < characters.length && isStep(characters[end - 1] ?? '', characters[end] ?? '')) end++;
  return end - start;
}

/** Whether a character follows another, in each of the orders that there are, forwards and backwards. */
const STEPS = [
  (from: string, to: string) => (to.codePointAt(0) ?? 0) - (from.codePointAt(0) ?? 0) === 1,
  ...KEY_ROWS.map((row) => (from: string, to: string) => row.includes(from + to)),
].flatMap((isStep) => [isStep, (from: string, to: string) => isStep(to, from)]);

/** True for a short piece again and again, the last time perhaps in part: `abababab`, `12312312`. */
function isRepeated(characters: readonly string[]): boolean {
  for (let length = 1; length <= MAX_REPEATED; length++) {
    if (characters.every((character, i) => character === characters[i % length])) return true;
  }
  return false;
}

/** The word that is left without what people put around it, and in place of letters. */
function stemOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/^[^\p{L}@$]+|[^\p{L}]+$/gu, '')
    .replace(/[013457@$]/g, (character) => LEET[character] ?? character);
}
