import { patternRule } from './pattern-rule.ts';
import { endsVaried, isVaried } from './plausible-secret.ts';
import type { FoundSecret, SecretRule } from './secret-rule.ts';

const DIGITS = [...'0123456789'];

const isMixed = (value: string): boolean =>
  isVaried(value, 10) && /[0-9]/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value);

const OF_DISCORD = /(?<![\w-])[MNO][A-Za-z0-9]{23,27}\.[\w-]{6}\.[\w-]{27,38}(?![\w-])/y;

/** Tokens of Discord: an account's number in base64, a time of six characters, a signature; dots between. */
function* ofDiscord(text: string): Iterable<FoundSecret> {
  // Two dots that are seven characters apart are rare, and fast to find.
  for (let dot = text.indexOf('.'); dot >= 0; dot = text.indexOf('.', dot + 1)) {
    if (text[dot + 7] !== '.') continue;
    const first = /[MNO][A-Za-z0-9]{23,27}$/.exec(text.slice(Math.max(0, dot - 28), dot))?.[0];
    if (first === undefined) continue;
    const start = dot - first.length;
    OF_DISCORD.lastIndex = start;
    const [token = ''] = OF_DISCORD.exec(text) ?? [];
    const [account = '', , signature = ''] = token.split('.');
    const isOne = /[0-9]/.test(account) && /[0-9]/.test(signature) && isMixed(token);
    if (isOne) yield { kind: 'Discord token', start, end: start + token.length };
  }
}

/**
 * Tokens that are known by their shape: what marks them stands in their middle or at their end. The patterns
 * begin with that mark, since that is fast to find, and look back from there.
 */
export const SHAPED_TOKEN_RULES: readonly SecretRule[] = [
  patternRule(
    'Telegram token',
    [':aa'],
    60,
    /:AA[\w-]{33}(?![\w-])(?<=(?<![\w-])(?:bot)?(?<value>\d{8,10}:AA[\w-]{33}))/dg,
    (token) => isVaried(token, 12),
  ),
  { anchors: [], find: ofDiscord },
  patternRule(
    'Terraform token',
    ['.atlasv1.'],
    100,
    /\.atlasv1\.[\w=-]{60,70}(?<=(?<value>[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}))/dg,
    endsVaried,
  ),
  patternRule(
    'Azure secret',
    DIGITS.map((digit) => `${digit}q~`),
    60,
    /Q~[\w~.-]{31,34}(?![\w~.-])(?<=(?<![\w~.-])(?<value>[\w~.]{3}\dQ~[\w~.-]{31,34}))/dg,
    isMixed,
  ),
  patternRule('Azure storage key', ['accountkey='], 110, /AccountKey=(?<value>[A-Za-z0-9+/]{86}==)/dg),
  patternRule('Azure access key', ['sharedaccesskey='], 80, /SharedAccessKey=(?<value>[A-Za-z0-9+/]{43}=)/dg),
  patternRule('npm token', ['_authtoken='], 320, /_authToken=(?<value>[\w+/=.-]{16,300})/dg, (token) =>
    isVaried(token, 8),
  ),
  patternRule(
    'Mailchimp key',
    ['-us'],
    50,
    /-us\d{1,2}(?!\w)(?<=(?<![\w-])(?<value>[0-9a-f]{32}-us\d{1,2}))/dg,
    endsVaried,
  ),
  patternRule('New Relic key', ['nral'], 60, /NRAL(?!\w)(?<=(?<!\w)(?<value>[0-9a-f]{36}NRAL))/dg, endsVaried),
  patternRule(
    'MaxMind key',
    ['_mmk'],
    60,
    /_mmk(?!\w)(?<=(?<!\w)(?<value>[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk))/dg,
    endsVaried,
  ),
  patternRule(
    'Mailgun key',
    ['mailgun'],
    2000,
    /(?<![\w-])(?<value>[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})(?![\w-])/dg,
    endsVaried,
  ),
  patternRule('X token', ['aaaaaaaaaaaaaaaaaaaa'], 160, /(?<!\w)(?<value>A{20,24}[\w%]{60,120})(?!\w)/dg, isMixed),
  patternRule(
    'Teams webhook',
    ['webhook.office.com'],
    320,
    /\.webhook\.office\.com\/webhookb2\/(?<value>[\w@-]{70,80}\/IncomingWebhook\/[0-9a-f]{32}\/[\w-]{36})/dg,
  ),
  patternRule(
    'Asana token',
    ['0', '1', '2'].flatMap((first) => DIGITS.map((digit) => `${first}/${digit}`)),
    80,
    /(?<![\w/])(?<value>[0-2]\/(?:\d{15,17}\/)?\d{15,17}:[0-9a-f]{32})(?!\w)/dg,
    endsVaried,
  ),
  patternRule(
    'Azure signature',
    ['sig='],
    500,
    /[?&]sv=\d{4}[^\s"'`<>]{0,300}?&sig=(?<value>[A-Za-z0-9%+/]{43,70}(?:=|%3D))/dgi,
  ),
];
