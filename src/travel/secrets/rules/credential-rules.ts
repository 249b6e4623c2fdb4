import { patternRule } from './pattern-rule.ts';
import { isEverybodys, isVaried, looksDrawn, standsForSecret } from './plausible-secret.ts';
import type { FoundSecret, SecretRule } from './secret-rule.ts';
import { passwordIn } from './url-password.ts';

/** True if `base64` is `user:password`. */
function isUserAndPassword(base64: string): boolean {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  const password = text.slice(text.indexOf(':') + 1);
  return (
    /^[\x20-\x7e]+$/.test(text) &&
    text.indexOf(':') > 0 &&
    password.length >= 4 &&
    !isEverybodys(password) &&
    !standsForSecret(text)
  );
}

/** True for what a machine drew. */
const isDrawn = (value: string): boolean => looksDrawn(value) && !standsForSecret(value);
/** True for a password as people make them: not one word, and nothing that stands for one. */
const isPassword = (value: string): boolean =>
  value.length >= 8 && isVaried(value) && !/^(?:[a-z]+|[A-Z]+|[A-Z][a-z]+)$/.test(value) && !standsForSecret(value);

function* passwordsInUrls(text: string): Iterable<FoundSecret> {
  for (let colon = text.indexOf('://'); colon >= 0; colon = text.indexOf('://', colon + 3)) {
    const scheme = /[a-z][a-z0-9+.-]{1,30}$/i.exec(text.slice(Math.max(0, colon - 32), colon))?.[0];
    const found = scheme === undefined ? null : passwordIn(text, colon - scheme.length);
    if (found !== null) yield { kind: 'password in a URL', ...found };
  }
}

/** What programs send or are given, to show who they are. */
export const CREDENTIAL_RULES: readonly SecretRule[] = [
  patternRule(
    'bearer token',
    ['bearer'],
    4100,
    /bearer[ \t:=]{1,4}(?<value>[\w.~+/-]{16,4000}={0,2})(?![\w<>{}$%*])/dgi,
    isDrawn,
  ),
  patternRule(
    'password of a request',
    ['authorization', 'basic '],
    600,
    /(?:authorization["']?[ \t]{0,3}[:=,][ \t]{0,3}["'`]?|["'`])basic[ \t]{1,3}(?<value>[A-Za-z0-9+/]{8,500}={0,2})(?![\w+/])/dgi,
    isUserAndPassword,
  ),
  patternRule(
    'token of a request',
    ['authorization'],
    4100,
    /authorization["']?[ \t]{0,3}[:=][ \t]{0,3}["'`]?(?:(?:token|apikey|api-key|key|digest|negotiate)[ \t=]{1,3})?(?<value>[\w.~+/-]{20,4000}={0,2})(?![\w<>{}$%*])/dgi,
    isDrawn,
  ),
  patternRule(
    'token of a request',
    ['-key', '-token', '-secret'],
    4100,
    /(?:x-[a-z-]{0,30}(?:key|token|secret)|api-key|private-token|job-token|deploy-token)["']?[ \t]{0,3}[:=][ \t]{0,3}["'`]?(?<value>[\w.~+/-]{16,4000}={0,2})(?![\w<>{}$%*])/dgi,
    isDrawn,
  ),
  patternRule(
    'session cookie',
    ['cookie'],
    4800,
    /(?:sess|sid|token|auth|jwt)[\w.-]{0,30}=(?<=cookie["']?[ \t]{0,3}[:=][ \t]{0,3}["'`]?[^"'`\n]{0,600}=)(?<value>[\w.~+/%:-]{20,4000}={0,2})/dgi,
    isDrawn,
  ),
  { anchors: ['://'], reach: 900, find: passwordsInUrls },
  patternRule(
    'token in a URL',
    ['token=', 'secret=', 'password=', 'key=', 'auth=', 'signature=', 'sig='],
    1200,
    /[?&;#][\w.-]{0,30}(?:token|secret|password|key|auth|signature|sig)=(?<value>[\w.~+/%-]{16,1000}={0,2})(?![\w{}<>$*])/dgi,
    isDrawn,
  ),
  patternRule(
    'hash of a password',
    [':$1$', ':$5$', ':$6$', ':$y$', ':$2a$', ':$2b$', ':$2y$'],
    300,
    /(?<=[\w-]:)(?<value>\$(?:1|5|6|y|2[aby])\$[\w./$=,]{20,200})(?=[:\s"]|$)/dg,
  ),
  patternRule(
    'password of a command',
    ['curl', 'wget', 'http ', 'https '],
    1200,
    /[ \t](?:-u|--user|-a|--auth|--proxy-user)(?<=\b(?:curl|https?|wget)\b[^\n|;]{0,800})(?:[ \t]{1,3}|=)["']?[^\s:"'`$]{1,80}:(?<value>[^\s"'`$<>{}]{4,200})/dg,
    (value) => isPassword(value),
  ),
  patternRule(
    'password of a command',
    ['sshpass', 'password', 'mysql', 'docker login', 'redis-cli', 'pass '],
    500,
    /(?:sshpass[ \t]{1,3}-p[ \t]{0,3}|mysql(?:dump|admin)?\b[^\n"|;]{0,200}?[ \t]-p|docker[ \t]login\b[^\n"|;]{0,200}?[ \t]-p[ \t]{1,3}|redis-cli\b[^\n"|;]{0,200}?[ \t]-a[ \t]{1,3}|[ \t]--(?:http-)?(?:password|pass|passwd)(?:[ \t]{1,3}|=))["']?(?<value>[^\s"'`$<>{}()[\]-][^\s"'`$<>{}()[\]]{7,200})/dg,
    isPassword,
  ),
  patternRule(
    'password of .netrc',
    ['machine'],
    800,
    /\bmachine[ \t\n]{1,20}[^\s"]{1,200}[ \t\n]{1,20}(?:\d{1,4}\xe2\x86\x92)?[ \t]{0,8}login[ \t\n]{1,20}[^\s"]{1,100}[ \t\n]{1,20}(?:\d{1,4}\xe2\x86\x92)?[ \t]{0,8}password[ \t\n]{1,20}(?<value>[^\s"'`$<>{}]{6,300})/dg,
    isPassword,
  ),
  patternRule(
    'password of a registry',
    ['"auth"', '_auth'],
    2100,
    /(?:"auth"[ \t]{0,3}:[ \t]{0,3}"|_auth[ \t]{0,3}=[ \t]{0,3}"?)(?<value>[A-Za-z0-9+/]{10,2000}={0,2})(?![\w+/])/dg,
    isUserAndPassword,
  ),
  patternRule(
    'WireGuard key',
    ['privatekey', 'presharedkey'],
    80,
    /(?:PrivateKey|PresharedKey)[ \t]{0,3}=[ \t]{0,3}(?<value>[A-Za-z0-9+/]{43}=)/dg,
  ),
  patternRule(
    'private key of a JSON web key',
    ['"kty"'],
    4000,
    /"(?:d|p|q|dp|dq|qi|k)"[ \t\n]{0,10}:[ \t\n]{0,10}"(?<value>[\w-]{40,1500})"/dg,
    looksDrawn,
  ),
];
