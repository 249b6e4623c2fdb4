import { patternRule } from './pattern-rule.ts';
import { endsVaried, isVaried } from './plausible-secret.ts';
import type { SecretRule } from './secret-rule.ts';

/** True if a token of Discord begins with the number of an account, in base64. */
const beginsWithNumber = (token: string): boolean =>
  /^\d{15,20}$/.test(Buffer.from(token.split('.')[0] ?? '', 'base64').toString('latin1'));

const DIGITS = [...'0123456789'];
/** What the numbers of accounts begin with in base64, in lower case: each three digits, the first no zero. */
const NUMBERS_IN_BASE64 = Array.from({ length: 900 }, (_, i) =>
  Buffer.from(`${i + 100}`)
    .toString('base64')
    .toLowerCase(),
);

const isMixed = (value: string): boolean =>
  isVaried(value, 10) && /[0-9]/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value);

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
  patternRule(
    'Discord token',
    NUMBERS_IN_BASE64,
    80,
    /(?<value>(?:M[Tjz]|N[DTjz]|O[DT])[A-Za-z0-9]{18,26}\.[\w-]{6}\.[\w-]{27,38})(?![\w-])/dg,
    beginsWithNumber,
  ),
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
    'Azure signature',
    ['sig='],
    500,
    /[?&]sv=\d{4}[^\s"'`<>]{0,300}?&sig=(?<value>[A-Za-z0-9%+/]{43,70}(?:=|%3D))/dgi,
  ),
];
