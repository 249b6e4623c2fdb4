import { isEverybodys, isVaried, standsForSecret } from './plausible-secret.ts';

/** `scheme://user:password@host…`, where nobody's quotes are in between. */
const URL_WITH_PASSWORD =
  /[a-z][a-z0-9+.-]{1,30}:\/\/([^\s:/@"'`<>\\]{0,100}):([^\s/@"'`<>\\]{3,200})@([\w.[\]%:-]{1,200})(?:[/?#][^\s"'`<>\\]{0,500})?/iy;
const HERE_OR_NOWHERE =
  /^(?:localhost|127\.|0\.0\.0\.0|\[?::1|host(?:name)?\b|(?:[\w-]+\.)*(?:example|test|invalid|local|localhost)(?:\.(?:com|org|net))?(?:[:/]|$))/i;

/**
 * The password in a web address or connection string that begins at `at`; all of it if the password alone is
 * too short or too plain a word to be looked for elsewhere; null if there is none.
 */
export function passwordIn(text: string, at = 0): { start: number; end: number } | null {
  URL_WITH_PASSWORD.lastIndex = at;
  const match = URL_WITH_PASSWORD.exec(text);
  if (match === null) return null;
  const [url, user = '', password = '', host = ''] = match;
  if (isEverybodys(password) || standsForSecret(password) || standsForSecret(user)) return null;
  const plain = password.length < 8 || !isVaried(password, 5) || /^(?:[a-z]+|[A-Z][a-z]+)$/.test(password);
  if (!plain) {
    const start = at + url.indexOf('://') + 3 + user.length + 1;
    return { start, end: start + password.length };
  }
  // Where it protects nothing: a database of one's own machine, or one that does not exist.
  if (password === user || HERE_OR_NOWHERE.test(host)) return null;
  return { start: at, end: at + url.length };
}
