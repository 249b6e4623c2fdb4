import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { readSmallFile } from '../../../files/regular-file.ts';

/** A value that is known to be secret, and what it is, in words for a person. */
export interface KnownValue {
  readonly kind: string;
  readonly value: string;
}

const OF_VARIABLE = 'value of an environment variable';
const OF_ENV_FILE = 'value from a .env file';
/** Parts of names of variables whose values are secret. Who wrote a commit is none. */
const SECRET_VARIABLE = /KEY|TOKEN|SECRET|PASS|AUTH(?!ORS?(?![A-Z]))|CRED/i;
/**
 * Each answer of a model says which model it was: where that is taken for a secret, no answer is left. Other
 * names of variables and values may be secret, whatever they look like.
 */
const MODEL_VARIABLE = /MODEL/i;
const MODEL = /^(?:[\w-]+[./])*claude-[\w.:@-]*$/i;
/** A shorter one is a word that may stand anywhere. */
const SHORTEST = 12;
/** A value of several lines is looked for as a whole up to this many characters, and else line by line. */
const LONGEST_OF_LINES = 16_384;
const ENV_FILE = /^\.env/i;
const MOST_FILE_BYTES = 1024 * 1024;
/** Of one directory. */
const MOST_FILES = 100;
/** How a PEM file begins and ends: the same for everybody. */
const FRAME = /^-----/;

/** What stands in the names of the files of every session: masked there, it would be none any more. */
const NAMES = ['session.jsonl', 'custom-title.json', 'tool-results/', 'file-history/', 'subagents/agent-'];

/**
 * The secrets that this machine knows of: of `variables`, by their names, of the `.env` files in `directory`
 * and `gitRoot`, and `shown` by tools. With each but these come the forms in which it may be written
 * elsewhere. A file that can't be read counts for nothing.
 */
export function knownValues({
  variables,
  directory,
  gitRoot,
  shown = [],
}: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly directory: string | null;
  readonly gitRoot: string | null;
  readonly shown?: readonly KnownValue[];
}): KnownValue[] {
  const ofVariables = Object.entries(variables)
    .filter(([name]) => SECRET_VARIABLE.test(name))
    .flatMap(([, value = '']) => secretForms(value, null));
  const folders = [...new Set([directory, gitRoot])].filter((folder) => folder !== null);
  const ofFiles = folders.flatMap((folder) => {
    return envFilesIn(folder).flatMap((text) => valuesOfEnvText(text, folder));
  });
  const kinds = new Map<string, string>(ofFiles.map((value) => [value, OF_ENV_FILE]));
  for (const value of ofVariables) kinds.set(value, OF_VARIABLE);
  // The name of the project may be one, and its path is no secret.
  const isSecret = ({ value }: KnownValue) => ![...folders, ...NAMES].some((each) => each.includes(value));
  return [...Array.from(kinds, ([value, kind]) => ({ kind, value })), ...shown].filter(isSecret);
}

/**
 * What the text of a `.env` file sets, in the forms in which it may be written elsewhere. `folder` is where a
 * relative path in it begins; null if that is not known.
 */
export function valuesOfEnvText(text: string, folder: string | null): string[] {
  return Object.entries(parseEnv(text))
    .filter(([name]) => SECRET_VARIABLE.test(name) || !MODEL_VARIABLE.test(name))
    .flatMap(([, value = '']) => secretForms(value, folder));
}

/**
 * The ways in which a value is written: as it is, for a shell, in a URL, in base64; each of its lines. None
 * if it is no secret.
 */
function secretForms(value: string, folder: string | null): string[] {
  const whole = value.trim();
  if (whole.length < SHORTEST || MODEL.test(whole) || namesPlace(whole, folder)) return [];
  const lines = whole
    .split(/\r?\n|\\n/)
    .map((line) => line.trim())
    .filter((line) => !FRAME.test(line));
  // The lines may all be short, and what looks like the end of one may be none.
  const isShown = !FRAME.test(whole) && whole.length <= LONGEST_OF_LINES;
  const plain = isShown ? [whole, ...lines] : lines;
  const forms = [
    ...plain,
    ...plain.flatMap(inShell),
    ...plain.flatMap(inUrls),
    ...plain.flatMap(inHtml),
    ...passwordsIn(whole),
    ...inBase64(whole),
  ];
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}

/** Between single quotes, which a shell lets no backslash escape. */
const inShell = (value: string): string[] => [`'\\''`, `'"'"'`].map((quote) => value.replaceAll("'", quote));

/** Percent-encoded: languages differ in what they leave as it is, in spaces, and in capitals. */
function inUrls(value: string): string[] {
  // Half a character can't be encoded.
  if (!value.isWellFormed()) return [];
  const component = encodeURIComponent(value);
  const strict = component.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const field = new URLSearchParams({ '': value }).toString().slice(1);
  const forms = [component, strict, strict.replaceAll('%2F', '/'), encodeURI(value), field];
  return [...forms, ...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()))];
}

/** With quotes as they are between tags, and as they are within one. */
function inHtml(value: string): string[] {
  const text = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [text, text.replaceAll('"', '&quot;').replaceAll("'", '&#39;')];
}

/** All of it, and what is the same whatever stands before it and follows; with either alphabet. */
function inBase64(value: string): string[] {
  const whole = Buffer.from(value).toString('base64').replace(/=+$/, '');
  const parts = [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6));
  });
  const forms = [whole, ...parts];
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

/** The password in a URL, as it stands there and as it was meant. */
function passwordsIn(value: string): string[] {
  const password = URL.canParse(value) ? new URL(value).password : '';
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/**
 * Whether a value only says where something is: a file that is there, or looks like one of any machine, or an
 * address without a user, a path or anything else that could be a key.
 */
function namesPlace(value: string, folder: string | null): boolean {
  if (ORDINARY_PATH.test(value)) return true;
  const isRelative = folder !== null && /^\.{1,2}[\\/]/.test(value);
  if (isRelative || isAbsolute(value)) return existsSync(resolve(folder ?? '/', value));
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(value) || !URL.canParse(value)) return false;
  const { username, password, search, hash, pathname } = new URL(value);
  return `${username}${password}${search}${hash}` === '' && pathname.length <= 1;
}

/** No key in base64 does without capital letters. */
const ORDINARY_PATH = /^(?:\/[a-z0-9._-]{1,40}){2,}\/?$/;

function envFilesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => ENV_FILE.test(name));
    return names.slice(0, MOST_FILES).flatMap((name) => textOf(join(folder, name)) ?? []);
  } catch {
    return [];
  }
}

function textOf(path: string): string | null {
  try {
    const content = readSmallFile(path, MOST_FILE_BYTES);
    return typeof content === 'string' ? null : content.toString('utf8');
  } catch {
    return null;
  }
}
