import { patternRule } from './pattern-rule.ts';
import { isEverybodys, isVaried, looksDrawn, standsForSecret } from './plausible-secret.ts';
import type { FoundSecret, SecretRule } from './secret-rule.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Names of what is public, although they hold one of the words. */
const PUBLIC =
  /PUB(?:LIC)?|KEY_?(?:ID|NAME|FILE|PATH|TYPE|SIZE|LENGTH|ALG)|TOKEN_?(?:URL|URI|TYPE|NAME|FILE|PATH|ID|COUNT|LIMIT)|(?:^|_)(?:MAX|MIN|NUM|CACHE|SORT|PRIMARY|FOREIGN|PARTITION|HASH)_|_(?:URL|URI|FILE|PATH|DIR|NAME|ID|HOST|PORT|TYPE|MODE|TTL|SIZE|LIMIT|VERSION|FINGERPRINT|SOCK|EXPIRY|EXPIRES|COUNT)$|I[dD]$/i;

/** What a program says where a value would stand: a call, an element, a function. */
const CODE = /^[({[]|^[A-Za-z_$.?]{3,}[([{]|\)\.|\(\)|=>|\w\.\w+\.\w/;

/** True if `value`, which has a name that says so, is a secret: drawn by a machine. */
const isDrawnSecret = (value: string): boolean =>
  value.length >= 12 &&
  looksDrawn(value) &&
  !standsForSecret(value) &&
  !UUID.test(value) &&
  !/^[./~]|:\/\/|^\w+\(|^eyJ/.test(value);

/** Several signs among letters of both cases, which are no word of any language. */
const hasSigns = (value: string): boolean =>
  /[a-z]/.test(value) &&
  /[A-Z]/.test(value) &&
  /[!#%&*+?@^~$=].*[!#%&*+?@^~$=]/.test(value) &&
  !/[^\x21-\x7e]|&\w+;/.test(value);

/** True if `value` is a password as people and managers make them, of several kinds of characters. */
export const isPassword = (value: string): boolean =>
  ((/[0-9]/.test(value) && /[A-Za-z]/.test(value)) || hasSigns(value) || looksDrawn(value)) &&
  isVaried(value, 7) &&
  !standsForSecret(value) &&
  !isEverybodys(value) &&
  !UUID.test(value) &&
  !CODE.test(value) &&
  !/^[./~]|:\/\//.test(value);

/** Names of variables of which some services give UUIDs as values. Names of ids are not among them. */
const MAY_BE_UUID = /^[A-Z0-9_]*(?:API_?KEY|TOKEN|SECRET)$/;

/** True if `value` is a secret, by what it is called and by what it looks like. */
export const isSecretOf = (name: string, value: string): boolean =>
  !PUBLIC.test(name) &&
  (isDrawnSecret(value) ||
    (/PASS|PWD/i.test(name) && isPassword(value)) ||
    (MAY_BE_UUID.test(name) && UUID.test(value) && isVaried(value, 9)));

/** What follows words that say that a secret key does. */
const HEX_KEY =
  /(?:secret|private|seed|priv|signing|master)[ _-]?(?:key|seed|hex)?["'`]?[ \t]{0,3}(?:[:=]|is|->|=>)?[ \t]{0,3}["'`]?(?:0x)?(?<value>[0-9a-f]{64})(?![\w])/dgi;
/** The length of our own key, in hex characters. */
const HEX_LENGTH = 64;
/** What may stand on a line before hex that is alone there: white space, and the line's number. */
const ALONE_BEHIND = /(?:^|\n|"(?:content|stdout|text)": ?")[ \t]*(?:\d{1,6}(?:\xe2\x86\x92|\t))?$/;
const ALONE_BEFORE = /^[ \t\r]*(?:\n|"|$)/;
/** Lines of hex above and below it. */
const HEX_LINES_BEHIND = /(?:[0-9a-fA-F]{32,128}[ \t\r]*\n[ \t]*(?:\d{1,6}(?:\xe2\x86\x92|\t))?){1,2}$/;
const HEX_LINES_BEFORE = /^(?:[ \t\r]*\n[ \t]*(?:\d{1,6}(?:\xe2\x86\x92|\t))?[0-9a-fA-F]{32,128}){1,2}/;
/** How far from it those are looked for, in bytes. */
const NEAR = 320;
/** What says, on the line or the two before it, that hex is no key: it names a container or a content. */
const DIGESTS = /docker|podman|container|volume|image|digest|checksum|sha-?256|\bhash/i;
const LINES_BEFORE = /(?:[^\n]{0,400}\n){0,2}[^\n]{0,400}$/;
/** How far before it those lines are looked for, in bytes. */
const BEFORE = 1200;

function isHex(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

/** The runs of just 64 hex characters. Looks at every 32nd character, of which each has two. */
function* hexRuns(text: string): Iterable<{ start: number; end: number }> {
  const step = HEX_LENGTH / 2;
  for (let at = 0; at + step < text.length; at += step) {
    if (!isHex(text, at) || !isHex(text, at + step) || !isHex(text, at + step / 2)) continue;
    let [start, end] = [at, at + 1];
    while (start > 0 && isHex(text, start - 1) && at - start <= HEX_LENGTH) start -= 1;
    while (isHex(text, end)) end += 1;
    if (end - start === HEX_LENGTH) yield { start, end };
    at = Math.max(at, end - step);
  }
}

/** Keys of 64 hex characters that stand alone, as our own is written: where no third stands beside them. */
function* hexLines(text: string): Iterable<FoundSecret> {
  for (const { start, end } of hexRuns(text)) {
    const behind = text.slice(Math.max(0, start - NEAR), start);
    const before = text.slice(end, end + NEAR);
    if (!isVaried(text.slice(start, end), 8) || !ALONE_BEHIND.test(behind) || !ALONE_BEFORE.test(before)) continue;
    const lines = LINES_BEFORE.exec(text.slice(Math.max(0, start - BEFORE), start))?.[0] ?? '';
    const others = `${HEX_LINES_BEHIND.exec(behind)?.[0] ?? ''}${HEX_LINES_BEFORE.exec(before)?.[0] ?? ''}`;
    const lengths = others.match(/[0-9a-fA-F]{32,}/g)?.map(({ length }) => length) ?? [];
    const isListed = lengths.length > 1 || lengths.some((length) => length !== HEX_LENGTH);
    if (!DIGESTS.test(lines) && !isListed) yield { kind: 'secret key in hex', start, end };
  }
}

/** A variable on a line of its own, as `printenv` and `.env` show it: all of the line is its value. */
const VARIABLE_ALONE = new RegExp(
  '(?:KEY|TOKEN|SECRET|PASS|PWD|CRED|AUTH)[A-Z0-9_]{0,30}=' +
    String.raw`(?<=(?:^|["\n])[ \t>+-]{0,40}(?:\d{1,6}(?:\xe2\x86\x92|[\t:-])[ \t-]{0,40})?` +
    String.raw`(?:(?:export|ENV|set)[ \t]{1,3})?(?<name>[A-Z][A-Z0-9_]{2,60})=)` +
    String.raw`(?<value>[^\s"'\x60<>\\]{8,500})(?=[ \t\r]*(?:["\n]|$))`,
  'dg',
);
/** Near which words variables are looked for. */
const VARIABLES = ['key', 'token', 'secret', 'pass', 'pwd', 'cred', 'auth'];

/** Near which words settings are looked for. */
const SETTINGS = ['key', 'token', 'secret', 'pass', 'passphrase', 'pwd'];
/** How names of settings end that are secrets. */
const ENDS_OF_NAMES =
  '(?:password|passwd|passphrase|(?<![a-z])pass|pwd|secret|token|(?:api|access|secret|private|auth|encryption|signing|master|service|account|license|app)[_-]?key)(?:[_-]?base)?';
/** `"name": "value"`, `name = 'value'` and the like. */
const QUOTED_SETTING = new RegExp(
  String.raw`${ENDS_OF_NAMES}["']?[ \t]{0,3}(?::|=>?|:=)[ \t]{0,3}["'](?<value>[^\s"'\x60<>\\]{8,300})["']` +
    String.raw`(?<=(?<name>[\w-]{1,60})["']?[ \t]{0,3}[:=>]{1,2}[ \t]{0,3}["']\k<value>["'])`,
  'dgi',
);
/** Without quotes, as in YAML: alone on its line, which may have a number or the mark of a list or diff. */
const BARE_SETTING = new RegExp(
  String.raw`${ENDS_OF_NAMES}[ \t]{0,3}[:=][ \t]{1,3}` +
    String.raw`(?<=(?:^|["\n])[ \t>+-]{0,40}(?:\d{1,6}(?:\xe2\x86\x92|[\t:-])[ \t-]{0,40})?` +
    String.raw`(?<name>[\w.-]{1,60})[ \t]{0,3}[:=][ \t]{1,3})` +
    String.raw`(?<value>[^\s"'\x60<>\\]{7,299}[^\s"'\x60<>\\,;])(?=[ \t\r]*(?:["\n]|[ \t]#|$))`,
  'dgi',
);

const [TAB, SPACE, QUOTE, APOSTROPHE, COLON, EQUALS] = [0x09, 0x20, 0x22, 0x27, 0x3a, 0x3d];
/** What may follow one of these words in a name, as in `secret_key_base`. */
const IS_NAME = Uint8Array.from({ length: 256 }, (_, code) => (/[\w-]/.test(String.fromCharCode(code)) ? 1 : 0));

/** Whether one of these words may end the name of a setting: most are words of prose, or of a program. */
function isBeforeValue(flat: Buffer, end: number): boolean {
  let at = end;
  while (at < end + '_base'.length && IS_NAME[flat[at] ?? 0] === 1) at += 1;
  if (flat[at] === QUOTE || flat[at] === APOSTROPHE) at += 1;
  for (let spaces = 0; spaces < 3 && (flat[at] === SPACE || flat[at] === TAB); spaces += 1) at += 1;
  return flat[at] === COLON || flat[at] === EQUALS;
}

const isOfItsName = (value: string, match: RegExpExecArray): boolean => isSecretOf(match.groups?.['name'] ?? '', value);

/** Values that are secrets because their name says so. */
export const NAMED_SECRET_RULES: readonly SecretRule[] = [
  patternRule('secret key in hex', ['secret', 'private', 'seed', 'priv', 'signing', 'master'], 120, HEX_KEY, (value) =>
    isVaried(value, 8),
  ),
  { anchors: [], find: hexLines },
  patternRule('secret in a variable', VARIABLES, 700, VARIABLE_ALONE, isOfItsName),
  patternRule(
    'secret in a variable',
    VARIABLES,
    600,
    /(?:KEY|TOKEN|SECRET|PASS|PWD|CRED|AUTH)[A-Z0-9_]{0,30}=(?<=(?<![\w$])(?<name>[A-Z][A-Z0-9_]{2,60})=)["']?(?<value>(?:[^\s"'`<>|;&\\,()]|&(?![\w.-]{1,40}=)){8,500})/dg,
    isOfItsName,
  ),
  patternRule('secret in a setting', SETTINGS, 400, QUOTED_SETTING, isOfItsName, isBeforeValue),
  patternRule('secret in a setting', SETTINGS, 400, BARE_SETTING, isOfItsName, isBeforeValue),
];
