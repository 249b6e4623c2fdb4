import { isPassword, isSecretOf } from './named-secret-rules.ts';
import { patternRule } from './pattern-rule.ts';
import { looksDrawn } from './plausible-secret.ts';
import type { SecretRule } from './secret-rule.ts';

/** A rule looks only where one of `signs` follows one of its anchors, which are common words. */
function followedBy(signs: string): SecretRule['mayFollow'] {
  const isOne = Uint8Array.from({ length: 256 }, (_, code) => (signs.includes(String.fromCharCode(code)) ? 1 : 0));
  return (flat, end) => isOne[flat[end] ?? 0] === 1;
}

/** A password that is no piece of a program: `password=password1` may be one, and `secret=n(1!==a)` is. */
const isNoProgram = (value: string): boolean =>
  isPassword(value) &&
  !/[()[\]{}]/.test(value) &&
  ((looksDrawn(value) && /\d\D+\d/.test(value)) || /[!#%*+?@^~]/.test(value));

const isNamed = (value: string, match: RegExpExecArray): boolean => isSecretOf(match.groups?.['name'] ?? '', value);

/** Passwords as connection strings, properties, forms, XML, SQL and deployments have them. */
export const WRITTEN_OUT_RULES: readonly SecretRule[] = [
  patternRule(
    'secret in a setting',
    ['password', 'passwd', 'passphrase', '_pass', 'pwd', 'secret', 'token'],
    400,
    // What a query calls a token is often none, and has a rule of its own.
    /(?:password|passwd|passphrase|_pass|pwd|(?<![?&#;][\w.-]{0,30})(?:secret|token))(?<=(?<name>[\w.-]{1,60}))=(?<value>(?:[^\s"'`<>\\;&,]|&(?![\w.-]{1,40}=)){8,300})(?=[\s"'`;&,<]|$)/dgi,
    // Variables have rules of their own, which see more of the value.
    (value, match) => !/^[A-Z0-9_]+$/.test(match.groups?.['name'] ?? '') && isNoProgram(value),
    followedBy('='),
  ),
  patternRule(
    'secret in a setting',
    ['password', 'passwd', 'passphrase', 'secret', 'apikey'],
    400,
    /(?<name>password|passwd|passphrase|clientsecret|apikey)>[ \t]{0,3}(?<value>[^\s"'`<>\\]{8,300})[ \t]{0,3}<\//dgi,
    isNamed,
    followedBy('>'),
  ),
  patternRule(
    'secret in a setting',
    ['value'],
    400,
    /value(?<=(?<name>[\w.-]{0,60}(?:pass|password|passwd|pwd|secret|token|key))["']?,?[ \t\r\n]{1,40}(?:\d{1,6}(?:\xe2\x86\x92|\t)[ \t]{0,40})?["']?value)["']?[ \t]{0,3}[:=][ \t]{0,3}["']?(?<value>[^\s"'`<>\\,]{8,300})/dgi,
    isNamed,
    followedBy('"\' \t:='),
  ),
  patternRule(
    'secret in a setting',
    ['password', 'passwd', '_pass', 'secret', 'token', '_key'],
    400,
    /(?<name>[A-Z][A-Z0-9_]{0,60}(?:PASSWORD|PASSWD|_PASS|SECRET|TOKEN|_KEY))["'](?:,|\][ \t]{0,3}=)[ \t]{0,3}["'](?<value>[^\s"'`<>\\]{8,300})["']/dg,
    isNamed,
    followedBy('"\''),
  ),
  patternRule(
    'password of a database',
    ['identified by', 'password'],
    400,
    /(?:identified[ \t]{1,3}by|(?:user|role|with|encrypted|login)[ \t]{1,3}password)[ \t]{1,3}["'](?<value>[^\s"'`<>\\]{8,200})["']/dgi,
    isPassword,
    followedBy(' \t'),
  ),
];
