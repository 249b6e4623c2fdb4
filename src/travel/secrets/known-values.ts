import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { readSmallFile } from '../../files/regular-file.ts';

/** A value that is known to be secret, and what it is, in words for a person. */
export interface KnownValue {
  readonly kind: string;
  readonly value: string;
}

const OF_VARIABLE = 'value of an environment variable';
export const OF_ENV_FILE = 'value from a .env file';
/** Parts of names of variables whose values are secret. Who wrote a commit is none. */
const SECRET_VARIABLE = /KEY|TOKEN|SECRET|PASS|AUTH(?!ORS?(?![A-Z]))|CRED/i;
/** A shorter one is a word that may stand anywhere. */
const SHORTEST = 12;
const ENV_FILE = /^\.env/i;
const MOST_FILE_BYTES = 1024 * 1024;
/** Of one directory. */
const MOST_FILES = 100;
/** How a PEM file begins and ends: the same for everybody. */
const FRAME = /^-----/;

/**
 * The secrets that this machine knows of: of `variables`, by their names, and of the `.env` files in
 * `directory` and `gitRoot`. With each come the forms in which it may be written elsewhere. A file that can't
 * be read counts for nothing.
 */
export function knownValues({
  variables,
  directory,
  gitRoot,
}: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly directory: string | null;
  readonly gitRoot: string | null;
}): KnownValue[] {
  const values = new Map<string, string>();
  const add = (kind: string, value: string | undefined, base: string | null) => {
    if (value === undefined || namesSomething(value, base)) return;
    for (const form of formsOf(value)) {
      if (!values.has(form)) values.set(form, kind);
    }
  };
  for (const [name, value] of Object.entries(variables)) {
    if (SECRET_VARIABLE.test(name)) add(OF_VARIABLE, value, null);
  }
  for (const folder of new Set([directory, gitRoot])) {
    for (const text of folder === null ? [] : envFilesIn(folder)) {
      for (const value of valuesOfEnvText(text)) add(OF_ENV_FILE, value, folder);
    }
  }
  return [...values].map(([value, kind]) => ({ kind, value }));
}

/** The values that are set in the text of a `.env` file and can be looked for elsewhere. */
export function valuesOfEnvText(text: string): string[] {
  const values = Object.values(parseEnv(text)).filter((value): value is string => value !== undefined);
  return values.map((value) => value.trim()).filter((value) => value.length >= SHORTEST);
}

/** The ways in which a value is written: as it is, in a URL, in base64; of one with several lines, each. */
export function formsOf(value: string): string[] {
  const lines = value
    .split(/\r?\n|\\n/)
    .map((line) => line.trim())
    .filter((line) => !FRAME.test(line));
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
  const forms = [...lines, ...lines.map(encoded), ...passwordsIn(value), base64];
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}

function encoded(value: string): string {
  // Half a character can't be encoded.
  return value.isWellFormed() ? encodeURIComponent(value) : value;
}

function parsed(value: string): URL | null {
  return URL.canParse(value) ? new URL(value) : null;
}

/** The password in a URL, as it stands there and as it was meant. */
function passwordsIn(value: string): string[] {
  const { password = '' } = parsed(value) ?? {};
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/**
 * Whether a value only says where something is: a file that is there, or an address without a name, a path or
 * anything else of its own. `base` is where a relative path begins.
 */
function namesSomething(value: string, base: string | null): boolean {
  const isRelative = base !== null && /^\.{1,2}[\\/]/.test(value);
  if (/^(?:[\\/]|[A-Za-z]:[\\/])/.test(value) || isRelative) return existsSync(resolve(base ?? '/', value));
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? parsed(value) : null;
  return url !== null && `${url.username}${url.password}${url.search}${url.hash}` === '' && url.pathname.length <= 1;
}

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
