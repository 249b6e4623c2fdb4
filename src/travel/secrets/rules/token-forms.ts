import { endsVaried, isVaried } from './plausible-secret.ts';
import type { FoundSecret, SecretRule } from './secret-rule.ts';

/** Tokens that their makers gave a form of their own, so that they are found wherever they stand. */
interface TokenForm {
  readonly kind: string;
  /** What each begins with; one of them is looked for first, letter for letter. */
  readonly prefixes: readonly string[];
  /** What follows the prefix. */
  readonly body: RegExp;
  /** Whether a text of this form is one indeed. */
  readonly isOne: (token: string) => boolean;
  /** How long a token is at most, in characters. */
  readonly longest: number;
}

/** How long a token is at most, in characters, where its form does not say so. */
const LONGEST_TOKEN = 340;
const HEX_DIGITS = [...'0123456789abcdef'];

const isAny = (): boolean => true;
const isNoExample = (token: string): boolean => !token.includes('EXAMPLE');

/** One form: its kind, its prefixes (with `|` between them), what follows. */
const form = (
  kind: string,
  prefixes: string,
  body: RegExp,
  isOne: (token: string) => boolean = isAny,
  longest = LONGEST_TOKEN,
): TokenForm => ({ kind, prefixes: prefixes.split('|'), body, isOne, longest });

const hasDigitAndLetter = (token: string): boolean => /[0-9]/.test(token) && /[A-Za-z]/.test(token);
const mixesCase = (token: string): boolean => /[A-Z]/.test(token) && /[a-z]/.test(token);

/** The first part of a JSON web token, as its JSON says it: `{"alg":…}`. */
function isSignedJwt(token: string): boolean {
  const [header = ''] = token.split('.');
  return /"(?:alg|enc)"\s*:\s*"(?!none")/.test(Buffer.from(header, 'base64url').toString('latin1'));
}

/** True if the text of base64 does not hold what is public: a certificate or key. */
function isNoCertificateInBase64(text: string): boolean {
  return !/^-----BEGIN [A-Z0-9 ]{0,20}(?:CERT|PUBLIC|CRL)/.test(
    Buffer.from(text.slice(0, 80), 'base64').toString('latin1'),
  );
}

/** In the order in which a kind is chosen where two forms fit. */
const FORMS: readonly TokenForm[] = [
  // Models.
  form('Claude login token', 'sk-ant-oat|sk-ant-ort', /\d{2}-[\w-]{32,250}/y),
  form('Claude session key', 'sk-ant-sid', /\d{2}-[\w-]{32,250}/y),
  form('Anthropic API key', 'sk-ant-', /(?:[a-z]{2,12}\d{2}-)?[\w-]{32,250}/y),
  form('OpenRouter key', 'sk-or-', /(?:v\d-)?[0-9a-f]{48,80}/y),
  form('OpenAI API key', 'sk-proj-|sk-svcacct-|sk-admin-|sk-None-', /[\w-]{40,250}/y),
  form('OpenAI API key', 'sk-', /[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}/y),
  form('API key of a model', 'sk-', /[A-Za-z0-9]{32,64}(?![\w-])/y, hasDigitAndLetter),
  form('Langfuse secret key', 'sk-lf-', /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/y),
  form('Groq key', 'gsk_', /[A-Za-z0-9]{40,80}/y),
  form('xAI key', 'xai-', /[A-Za-z0-9]{60,120}/y),
  form('Perplexity key', 'pplx-', /[A-Za-z0-9]{32,80}/y),
  form('Replicate token', 'r8_', /[A-Za-z0-9]{37,60}/y),
  form('Hugging Face token', 'hf_', /[A-Za-z0-9]{30,60}(?!\w)/y, mixesCase),
  form('Hugging Face token', 'api_org_', /[A-Za-z0-9]{30,60}(?!\w)/y, mixesCase),
  form('NVIDIA key', 'nvapi-', /[\w-]{60,100}/y),
  form('Cerebras key', 'csk-', /[a-z0-9]{40,60}(?![\w-])/y, hasDigitAndLetter),
  form('ElevenLabs key', 'sk_', /[0-9a-f]{48}(?!\w)/y),
  form('Tavily key', 'tvly-', /(?:dev-|prod-)?[A-Za-z0-9]{28,60}/y),
  form('Firecrawl key', 'fc-', /[0-9a-f]{32}(?![\w-])/y),
  form('Pinecone key', 'pcsk_', /[A-Za-z0-9_]{40,100}/y),
  form('LangSmith key', 'lsv2_pt_|lsv2_sk_', /[0-9a-f]{32}_[0-9a-f]{10}/y),
  // Code and packages.
  form('GitHub token', 'ghp_|gho_|ghu_|ghs_|ghr_', /[A-Za-z0-9]{36,255}(?!\w)/y),
  form('GitHub token', 'github_pat_', /[A-Za-z0-9]{22}_[A-Za-z0-9]{40,100}/y),
  form(
    'GitLab token',
    'glpat-|gldt-|glrt-|glrtr-|glft-|glimt-|glffct-|glsoat-|glptt-',
    /[\w-]{20,300}(?:\.[0-9a-z]{9})?/y,
  ),
  form('GitLab token', 'glcbt-', /[A-Za-z0-9]{1,5}_[\w-]{20,64}/y),
  form('GitLab token', 'glagent-|gloas-', /[\w-]{50,80}/y),
  form('Bitbucket token', 'ATBB', /[A-Za-z0-9]{32}(?!\w)/y, hasDigitAndLetter),
  form('Atlassian token', 'ATATT3|ATCTT3', /[\w=-]{60,250}/y),
  form('npm token', 'npm_', /[A-Za-z0-9]{36,80}(?!\w)/y),
  form('PyPI token', 'pypi-AgE', /[\w-]{50,1000}/y, isAny, 1020),
  form('RubyGems key', 'rubygems_', /[0-9a-f]{48}/y),
  form('crates.io token', 'cio', /[A-Za-z0-9]{32}(?!\w)/y, (token) => hasDigitAndLetter(token) && mixesCase(token)),
  form('NuGet key', 'oy2', /[a-z0-9]{43}(?!\w)/y, hasDigitAndLetter),
  form('Clojars token', 'CLOJARS_', /[a-z0-9]{60}/y),
  form('JFrog token', 'AKCp', /[A-Za-z0-9]{69}(?!\w)/y),
  form('JFrog token', 'cmVmd', /[A-Za-z0-9]{59}(?!\w)/y),
  form('Docker token', 'dckr_pat_|dckr_oat_', /[\w-]{27,60}/y),
  form('Sourcegraph token', 'sgp_', /(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}/y),
  form('SonarQube token', 'squ_|sqp_|sqa_', /[0-9a-f]{40}/y),
  form('CircleCI token', 'CCIPAT_', /[A-Za-z0-9]{16,30}_[0-9a-f]{40}/y),
  form('Buildkite token', 'bkua_', /[0-9a-f]{40}/y),
  form('Postman key', 'PMAK-', /[0-9a-f]{24}-[0-9a-f]{34}/y),
  form('Readme token', 'rdme_', /[a-z0-9]{60,80}/y),
  // Clouds and hosts.
  form(
    'AWS access key',
    'AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA',
    /[A-Z0-9]{16}(?!\w)/y,
    (token) => !token.endsWith('EXAMPLE') && (/[2-7]/.test(token.slice(4)) || isVaried(token.slice(4), 9)),
  ),
  form(
    'AWS session token',
    'IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz',
    /[A-Za-z0-9+/]{100,2000}={0,2}/y,
    isNoExample,
    2020,
  ),
  form('Amazon Bedrock key', 'ABSK', /[A-Za-z0-9+/]{109,269}={0,2}/y),
  form('Amazon Bedrock key', 'bedrock-api-key-', /[A-Za-z0-9+/=]{60,4000}/y, isAny, 4020),
  form('Google API key', 'AIza', /[\w-]{35}(?![\w-])/y),
  form('Google OAuth token', 'ya29.', /[\w-]{20,2000}/y, isAny, 2020),
  form('Google OAuth secret', 'GOCSPX-', /[\w-]{28}/y),
  form('Google OAuth token', '1//0', /[\w-]{60,200}/y),
  form('DigitalOcean token', 'dop_v1_|doo_v1_|dor_v1_', /[0-9a-f]{64}/y),
  form('Cloudflare key', 'v1.0-', /[0-9a-f]{24}-[0-9a-f]{146}/y),
  form('Heroku key', 'HRKU-', /[\w-]{36,70}/y),
  form('Fly.io token', 'fo1_', /[\w-]{43}/y),
  form('Fly.io token', 'fm1r_|fm1a_|fm2_', /[A-Za-z0-9+/]{60,4000}={0,3}/y, isAny, 4020),
  form('Netlify token', 'nfp_', /[A-Za-z0-9]{36,60}/y),
  form('Vercel token', 'vcp_|vci_|vca_|vcr_|vck_', /[A-Za-z0-9]{20,60}(?!\w)/y, hasDigitAndLetter),
  form('Supabase key', 'sbp_', /(?:v0_)?[0-9a-f]{40}/y),
  form('Supabase key', 'sb_secret_', /[\w-]{24,60}/y),
  form('Tailscale key', 'tskey-', /(?:[a-z]{3,8}-)?[A-Za-z0-9]{6,30}-[A-Za-z0-9]{16,60}/y),
  form('PlanetScale token', 'pscale_tkn_|pscale_oauth_|pscale_pw_', /[\w=.-]{32,64}/y),
  form('Prefect key', 'pnu_', /[A-Za-z0-9]{36}(?!\w)/y),
  form('Databricks token', 'dapi', /[0-9a-f]{32}(?:-\d)?(?!\w)/y),
  form('Alibaba access key', 'LTAI', /[A-Za-z0-9]{16,24}(?!\w)/y, hasDigitAndLetter),
  form('Yandex key', 'AQVN', /[\w-]{35,38}(?![\w-])/y, hasDigitAndLetter),
  // Secrets' keepers and infrastructure.
  form('Vault token', 'hvs.|hvb.|hvr.', /[\w-]{24,300}/y),
  form('Doppler token', 'dp.pt.|dp.st.|dp.ct.|dp.sa.|dp.scim.|dp.audit.', /(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44}/y),
  form('1Password token', 'ops_ey', /[A-Za-z0-9+/_-]{200,1500}={0,3}/y, isAny, 1520),
  form('1Password secret key', 'A3-', /[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}/y),
  form('Pulumi token', 'pul-', /[0-9a-f]{40}/y),
  form('Grafana token', 'glsa_', /[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}/y),
  form('Grafana token', 'glc_eyJ', /[A-Za-z0-9+/]{30,400}={0,2}/y, isAny, 440),
  form('New Relic key', 'NRAK-|NRII-|NRIQ-|NRRA-|NRSP-|NRJS-', /[A-Za-z0-9-]{19,48}/y, hasDigitAndLetter),
  form('Sentry token', 'sntrys_eyJ', /[A-Za-z0-9+/=]{40,500}_[A-Za-z0-9+/]{43}/y, isAny, 620),
  form('Sentry token', 'sntryu_', /[0-9a-f]{64}/y),
  form('Dynatrace token', 'dt0c01.|dt0s01.|dt0s02.', /[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{64}/y),
  form('OpenShift token', 'sha256~', /[\w-]{43}(?![\w-])/y),
  // Work and messages.
  form(
    'Slack token',
    'xoxb-|xoxp-|xoxa-|xoxo-|xoxr-|xoxs-|xoxc-|xoxd-|xoxe-|xoxe.xoxp-|xoxe.xoxb-|xapp-',
    /(?:[A-Za-z0-9%/+=]{1,250}-){0,6}[A-Za-z0-9%/+=]{10,250}/y,
    hasDigitAndLetter,
    1800,
  ),
  form('Slack webhook', 'hooks.slack.com/', /(?:services|workflows|triggers)\/[A-Za-z0-9/+]{30,90}/y),
  form('Discord webhook', 'discord.com/api/webhooks/|discordapp.com/api/webhooks/', /\d{15,22}\/[\w-]{50,100}/y),
  form('Discord token', 'mfa.', /[\w-]{84}(?![\w-])/y),
  form('Notion token', 'ntn_', /[0-9]{8,14}[A-Za-z0-9]{30,40}/y),
  form('Notion token', 'secret_', /[A-Za-z0-9]{43}(?!\w)/y, (token) => hasDigitAndLetter(token) && mixesCase(token)),
  form('Linear key', 'lin_api_|lin_oauth_', /[A-Za-z0-9]{32,128}/y),
  form('Figma token', 'figd_', /[\w-]{40,200}/y),
  form('Airtable token', 'pat', /[A-Za-z0-9]{14}\.[0-9a-f]{64}/y),
  form('Dropbox token', 'sl.', /(?:u\.)?[\w-]{120,1500}/y, isAny, 1520),
  form('Contentful token', 'CFPAT-', /[\w-]{43}/y),
  form('Django secret key', 'django-insecure-', /[a-z0-9!@#$%^&*(\-_=+)]{50}/y),
  form('ClickHouse key', '4b1d', /[A-Za-z0-9]{38}(?!\w)/y, (token) => hasDigitAndLetter(token) && mixesCase(token)),
  form('Typeform token', 'tfp_', /[\w-]{40,60}(?:\.[\w-]{1,20})?/y, (token) => isVaried(token, 12)),
  // Money and post.
  form('Stripe key', 'sk_live_|rk_live_|sk_test_|rk_test_|sk_prod_|rk_prod_', /[A-Za-z0-9]{16,250}/y),
  form('Stripe webhook secret', 'whsec_', /[A-Za-z0-9+/]{24,80}={0,2}/y),
  form('Square token', 'sq0atp-|sq0csp-', /[\w-]{22,60}/y),
  form('Square token', 'EAAA', /[\w-]{56,64}(?![\w-])/y, (token) => hasDigitAndLetter(token) && isVaried(token, 20)),
  form('Facebook token', 'EAA', /[A-Za-z0-9]{100,300}(?![\w+/=])/y, (token) => isVaried(token, 20)),
  form('Shopify token', 'shpat_|shpca_|shppa_|shpss_', /[A-Za-z0-9]{32,64}/y),
  form('Twilio key', HEX_DIGITS.map((digit) => `SK${digit}`).join('|'), /[0-9a-f]{31}(?!\w)/y),
  form('SendGrid key', 'SG.', /[\w-]{16,32}\.[\w-]{32,64}(?![\w-])/y),
  form('Mailgun key', 'key-', /[0-9a-f]{32}(?![\w-])/y),
  form('Brevo key', 'xkeysib-|xsmtpsib-', /[0-9a-f]{64}-[A-Za-z0-9]{16}/y),
  form('Resend key', 're_', /[A-Za-z0-9]{8}_[A-Za-z0-9]{24}(?!\w)/y, hasDigitAndLetter),
  form(
    'Plaid token',
    'access-sandbox-|access-development-|access-production-',
    /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/y,
  ),
  form('EasyPost key', 'EZAK|EZTK', /[A-Za-z0-9]{54}(?!\w)/y),
  form('Shippo token', 'shippo_live_|shippo_test_', /[0-9a-fA-F]{40}/y),
  form('Mapbox token', 'sk.eyJ', /[\w-]{40,200}\.[\w-]{20,30}/y),
  // Keys and signed texts.
  form(
    'link with a secret key',
    'pubkyring://secret_export|pubkyauth://migrate',
    /\/?\?[^\s"'`<>\\]{20,2000}/y,
    isAny,
    2040,
  ),
  form('age secret key', 'AGE-SECRET-KEY-|age-secret-key-', /(?:(?:PQ|pq)-)?1[A-Za-z0-9]{50,120}/y),
  form('private key in base64', 'LS0tLS1CRUdJTi', /[A-Za-z0-9+/]{60,16000}={0,2}/y, isNoCertificateInBase64, 16_100),
  form(
    'JSON web token',
    'eyJ',
    /[\w-]{8,4000}\.[\w-]{2,8000}\.[\w-]{16,2000}(?:\.[\w-]{8,4000}\.[\w-]{8,100})?/y,
    isSignedJwt,
    16_100,
  ),
];

/**
 * True if no word goes on at `at`: there it begins, or behind `%3D` of a web address. A short prefix stands
 * by chance in long text of base64, so `-` and `_` before it count as well.
 */
function wordMayBegin(text: string, at: number, prefix: string): boolean {
  const before = text[at - 1] ?? ' ';
  return (
    !(prefix.length > 3 ? /[A-Za-z0-9]/ : /[\w-]/).test(before) ||
    /%[0-9A-F]{2}$/i.test(text.slice(Math.max(at - 3, 0), at))
  );
}

/** More of it before a token than stands before any: it is a part of a picture, or of a signature. */
const MUCH_BASE64 = /[\w+/-]{300}$/;

/** True if what is before `at` is base64 without end, in which each short prefix stands by chance. */
const isInBase64 = (text: string, at: number): boolean => MUCH_BASE64.test(text.slice(Math.max(at - 300, 0), at));

function* tokens({ kind, prefixes, body, isOne }: TokenForm, text: string): Iterable<FoundSecret> {
  for (const prefix of prefixes) {
    for (let start = text.indexOf(prefix); start >= 0; ) {
      const from = start + prefix.length;
      const end = wordMayBegin(text, start, prefix) ? endOfBody(text, from, body) : 0;
      const isToken = end > 0 && endsVaried(text.slice(from, end)) && isOne(text.slice(start, end));
      const found = isToken && !isInBase64(text, start);
      if (found) yield { kind, start, end };
      start = text.indexOf(prefix, found ? end : from);
    }
  }
}

/** Where the body that begins at `from` ends; 0 if there is none. */
function endOfBody(text: string, from: number, body: RegExp): number {
  body.lastIndex = from;
  return body.test(text) ? body.lastIndex : 0;
}

/** The rules for tokens of a form of their own. */
export const TOKEN_RULES: readonly SecretRule[] = FORMS.map((it) => ({
  anchors: it.prefixes.map((prefix) => prefix.toLowerCase()),
  reach: it.longest,
  find: (text) => tokens(it, text),
}));
