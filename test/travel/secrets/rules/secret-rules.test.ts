import { wordlist } from '@scure/bip39/wordlists/english.js';
import { describe, expect, it } from 'vitest';
import { Mask } from '../../../../src/travel/secrets/mask/mask.ts';
import { CREDENTIAL_RULES } from '../../../../src/travel/secrets/rules/credential-rules.ts';
import { LIBRARY_RULES } from '../../../../src/travel/secrets/rules/library-rules.ts';
import { LONGEST_SECRET } from '../../../../src/travel/secrets/rules/secret-rule.ts';
import { OWN_RULES } from '../../../../src/travel/secrets/rules/secret-rules.ts';
import { SHAPED_TOKEN_RULES } from '../../../../src/travel/secrets/rules/shaped-token-rules.ts';
import { TOKEN_RULES } from '../../../../src/travel/secrets/rules/token-forms.ts';
import { ExactValues } from '../../../../src/travel/secrets/scan/exact-values.ts';
import { flatten } from '../../../../src/travel/secrets/scan/flat-text.ts';
import { type Finding, SecretScanner } from '../../../../src/travel/secrets/scan/secret-scanner.ts';
import { drawnBytes, madeUpJwt, madeUpPem, madeUpSecret } from '../../../support/made-up-secrets.ts';

const RULES = [...LIBRARY_RULES, ...OWN_RULES];
const scanner = new SecretScanner(RULES, new ExactValues([]));

async function scan(...texts: readonly (string | Buffer)[]): Promise<Finding[]> {
  const found: Finding[] = [];
  await scanner.scan(
    texts.map((text) => Buffer.from(text)),
    (finding) => found.push(finding),
  );
  return found;
}

const flat = (text: string) => flatten(Buffer.from(text)).bytes.toString();
const numbered = (text: string, mark: string) =>
  text
    .split('\n')
    .map((line, i) => `${String(i + 1).padStart(6)}${mark}${line}`)
    .join('\n');

/** What a secret of a known form is, what it stands in, and the value that is to leave with nobody. */
interface Known {
  readonly kind: string;
  readonly text: string;
  readonly value: string;
}
const alone = (kind: string, value: string): Known => ({ kind, text: `here: ${value} and more`, value });
const within = (kind: string, value: string, before: string, behind = ''): Known => ({
  kind,
  text: `${before}${value}${behind}`,
  value,
});
const pem = madeUpPem();
const numberedPem = numbered(madeUpPem('EC PRIVATE KEY', 121), '→');

/** 32 secrets as sessions have them, in the forms that their makers gave them. */
const KNOWN: readonly Known[] = [
  alone('GitHub token', madeUpSecret('ghp_{36a}')),
  alone('GitHub token', madeUpSecret('github_pat_{22a}_{59a}')),
  alone('GitLab token', madeUpSecret('glpat-{20w}')),
  alone('Slack token', madeUpSecret('xoxb-{12d}-{13d}-{24a}')),
  within('Slack webhook', madeUpSecret('hooks.slack.com/services/T{10u}/B{10u}/{24a}'), 'POST https://'),
  alone('AWS access key', madeUpSecret('AKIA{16u}')),
  within('AWS secret key', madeUpSecret('{40a}'), 'aws_secret_access_key = '),
  alone('AWS secret key without a name', madeUpSecret('{40b}')),
  alone('Google API key', madeUpSecret('AIza{35w}')),
  alone('Google OAuth token', madeUpSecret('ya29.{60w}')),
  alone('Stripe key', madeUpSecret('sk_live_{24a}')),
  alone('Claude login token', madeUpSecret('sk-ant-oat01-{95w}')),
  alone('Anthropic API key', madeUpSecret('sk-ant-api03-{93w}AA')),
  alone('OpenAI API key', madeUpSecret('sk-proj-{74w}T3BlbkFJ{74w}')),
  alone('Hugging Face token', madeUpSecret('hf_{34a}').replace(/[0-9]/g, 'q')),
  alone('npm token', madeUpSecret('npm_{36a}')),
  alone('PyPI token', madeUpSecret('pypi-AgEIcHlwaS5vcmc{80w}')),
  alone('SendGrid key', madeUpSecret('SG.{22w}.{43w}')),
  alone('Twilio key', madeUpSecret('SK{32h}')),
  alone('Telegram token', madeUpSecret('7{9d}:AA{33w}')),
  alone('Discord token', `${Buffer.from('812345678901234567').toString('base64')}${madeUpSecret('.G{5w}.{38w}')}`),
  alone('JSON web token', madeUpJwt({ sub: 'alice', exp: 1_800_000_000 })),
  within('bearer token', madeUpSecret('{40a}'), 'curl -H "Authorization: Bearer ', '" https://api.host'),
  within(
    'password of a request',
    Buffer.from(`alice:${madeUpSecret('{16a}')}`).toString('base64'),
    "headers: { Authorization: 'Basic ",
    "' }",
  ),
  within('private key', pem, 'it says\n', '\nand ends'),
  within('private key', numberedPem.trimStart().replace(/^1→/, ''), '     1→'),
  alone('age secret key', `AGE-SECRET-KEY-1${madeUpSecret('{58u}')}`),
  within('secret key in hex', madeUpSecret('{64h}'), '$ cat ~/.config/cclink/key\n', '\n'),
  within('password in a URL', madeUpSecret('{16a}'), 'DATABASE_URL=postgres://app:', '@db.host.io:5432/shop'),
  within('secret in a variable', madeUpSecret('{32a}'), 'NODE_ENV=production\nINTERNAL_API_TOKEN=', '\nPORT=8080'),
  within('Azure storage key', `${madeUpSecret('{86b}')}==`, 'DefaultEndpointsProtocol=https;AccountKey='),
  within('password in a sentence', `${madeUpSecret('{9l}')}!`, 'the password of the router is ', ' by the way'),
];

describe('32 secrets of known forms', () => {
  /** How each text stands in a session: as it is, in a record, in JSON within one, in JSON within that. */
  const DEPTHS = ['plain text', 'JSONL', 'JSON in JSONL', 'JSON in that'];
  const FILL = 'const total = items.reduce((sum, item) => sum + item.price, 0);\n';
  /** A text `depth` deep in JSON; plain text is one line, as JSONL is, unless the secret has several. */
  const lineOf = (text: string, depth: number): string => {
    let line = text;
    for (let i = 0; i < depth; i += 1)
      line = JSON.stringify(i === depth - 1 ? { type: 'user', content: line } : [line]);
    return line;
  };
  const isFound = (found: readonly Finding[], { kind, value }: Known, depth: number) =>
    found.some((it) => it.kind === kind && it.value === (depth === 0 ? value : flat(value)));

  it('are found, all but two, at any depth: at the start, in the middle and at the end', async () => {
    const table: string[] = [];
    for (const known of KNOWN) {
      const row: string[] = [];
      for (const depth of DEPTHS.keys()) {
        const places = [`${known.text}\n${FILL}`, `${FILL}${known.text}\n${FILL}`, `${FILL}${known.text}`];
        const found = await Promise.all(places.map((text) => scan(lineOf(text, depth))));
        row.push(found.every((each) => isFound(each, known, depth)) ? 'found' : '-');
      }
      table.push([known.kind.padEnd(30), ...row.map((cell) => cell.padEnd(6))].join(' '));
    }
    console.log(`${''.padEnd(30)} ${DEPTHS.join(', ')}\n${table.join('\n')}`);
    const missed = KNOWN.filter((_, i) => table[i]?.includes('-     ') || table[i]?.endsWith('-'));
    expect(KNOWN).toHaveLength(32);
    expect(missed.map(({ kind }) => kind)).toEqual(['AWS secret key without a name', 'password in a sentence']);
  });

  it.each([...DEPTHS.entries()])('are found across the borders of blocks, in %i: %s', async (depth) => {
    const secrets = KNOWN.filter(({ kind }) => !/without a name|in a sentence/.test(kind));
    const lines: string[] = [];
    const counts = secrets.map(() => 0);
    for (let i = 0, length = 0; length < 1.5e6; i += 1) {
      const which = (i * 7) % secrets.length;
      const line = lineOf(`${FILL.repeat(i % 5)}${secrets[which]?.text}\n`, depth);
      counts[which] = (counts[which] ?? 0) + 1;
      lines.push(line);
      length += line.length + 1;
    }
    const found = await scan(lines.join('\n'));
    const foundCounts = secrets.map((known) => found.filter((it) => isFound([it], known, depth)).length);
    expect(foundCounts).toEqual(counts);
  });

  it('leave nothing to find where placeholders stand for them, by whatever name', async () => {
    for (const { kind, text, value } of KNOWN.slice(0, -1)) {
      const masked = text.replace(value, `[masked 12: ${kind}]`);
      if (!(await scan(text)).some((it) => it.value === value)) continue;
      expect(await scan(masked), kind).toEqual([]);
      expect(await scan(lineOf(masked, 2)), kind).toEqual([]);
    }
  });

  it('leave nothing to find once the mask took them, all in one record', async () => {
    const texts = KNOWN.slice(0, -1).map(({ text }) => text);
    const record = {
      type: 'user',
      message: { content: [{ text: texts.join('\n') }, { text: JSON.stringify(texts) }] },
    };
    const values = (await scan(JSON.stringify(record))).map(({ kind, value }) => ({ kind, value }));
    expect(values.length).toBeGreaterThan(50);
    new Mask(values, 1).inRecord(record);
    expect(await scan(JSON.stringify(record))).toEqual([]);
    expect(JSON.stringify(record)).toContain('here: [masked 1: GitHub token] and more');
  });

  it('are found whatever the text says to a scanner', async () => {
    const token = madeUpSecret('ghp_{36a}');
    const pemLines = `-- secretlint-disable --\n/* secretlint-disable */\n${pem} # gitleaks:allow\n`;
    const text = `// secretlint-disable-next-line\n${token} // secretlint-disable-line gitleaks:allow nosec pragma: allowlist secret\n${pemLines}`;
    expect((await scan(text)).map(({ value }) => value)).toEqual([token, pem]);
  });

  it('are found behind letters of other languages, colours and percent signs', async () => {
    const token = madeUpSecret('ghp_{36a}');
    for (const before of ['鍵は', 'clé', 'ª', 'µ', 'º', '\u001b[32m', 'a=1&t%3D', '\\n', 'key_', '"', '`'])
      expect(
        (await scan(`${before}${token}\n`)).map(({ value }) => value),
        before,
      ).toEqual([token]);
    expect(await scan(`${'x'}${token}`)).toEqual([]);
  });

  it('are found where a part of them is coloured, and in UTF-16', async () => {
    const token = madeUpSecret('ghp_{36a}');
    const coloured = `KEY=\u001b[01;31m\u001b[Kghp_\u001b[m\u001b[K${token.slice(4)}`;
    const utf16 = Buffer.from(`\ufeffkey = ${token}\r\n`, 'utf16le');
    for (const text of [coloured, JSON.stringify(coloured), utf16, Buffer.from(utf16).swap16()]) {
      expect((await scan(text)).map(({ value }) => value)).toEqual([token]);
    }
  });
});

/** The kind and form of tokens that are found wherever they stand. */
const TOKENS: readonly (readonly [kind: string, form: string])[] = [
  ['Claude login token', 'sk-ant-ort01-{95w}'],
  ['Claude session key', 'sk-ant-sid01-{86w}AA'],
  ['Anthropic API key', 'sk-ant-admin01-{93w}AA'],
  ['OpenRouter key', 'sk-or-v1-{64h}'],
  ['OpenAI API key', 'sk-svcacct-{60w}'],
  ['OpenAI API key', 'sk-{20a}T3BlbkFJ{20a}'],
  ['API key of a model', 'sk-{32h}'],
  ['Langfuse secret key', 'sk-lf-{8h}-{4h}-{4h}-{4h}-{12h}'],
  ['Groq key', 'gsk_{52a}'],
  ['xAI key', 'xai-{80a}'],
  ['Perplexity key', 'pplx-{48a}'],
  ['Replicate token', 'r8_{37a}'],
  ['NVIDIA key', 'nvapi-{64w}'],
  ['ElevenLabs key', 'sk_{48h}'],
  ['Tavily key', 'tvly-{32a}'],
  ['Firecrawl key', 'fc-{32h}'],
  ['Pinecone key', 'pcsk_{70a}'],
  ['LangSmith key', 'lsv2_pt_{32h}_{10h}'],
  ['GitHub token', 'gho_{36a}'],
  ['GitHub token', 'ghs_{36a}'],
  ['GitLab token', 'gldt-{20w}'],
  ['GitLab token', 'glcbt-{2a}_{20w}'],
  ['Bitbucket token', 'ATBB{32a}'],
  ['Atlassian token', 'ATATT3{186w}'],
  ['RubyGems key', 'rubygems_{48h}'],
  ['crates.io token', 'cio{32a}'],
  ['NuGet key', 'oy2{43l}'],
  ['JFrog token', 'AKCp{69a}'],
  ['Docker token', 'dckr_pat_{27w}'],
  ['Sourcegraph token', 'sgp_{16h}_{40h}'],
  ['SonarQube token', 'squ_{40h}'],
  ['Postman key', 'PMAK-{24h}-{34h}'],
  ['AWS access key', 'ASIA{16u}'],
  ['Amazon Bedrock key', 'ABSK{120b}'],
  ['Google OAuth secret', 'GOCSPX-{28w}'],
  ['Azure secret', '{3a}8Q~{34w}'],
  ['DigitalOcean token', 'dop_v1_{64h}'],
  ['Heroku key', 'HRKU-AA{58w}'],
  ['Fly.io token', 'fm2_{150b}'],
  ['Netlify token', 'nfp_{36a}'],
  ['Vercel token', 'vcp_{56a}'],
  ['Supabase key', 'sbp_{40h}'],
  ['Supabase key', 'sb_secret_{31w}'],
  ['Tailscale key', 'tskey-auth-{16a}-{32a}'],
  ['PlanetScale token', 'pscale_tkn_{43w}'],
  ['Databricks token', 'dapi{32h}'],
  ['Vault token', 'hvs.{95w}'],
  ['Doppler token', 'dp.pt.{43a}'],
  ['1Password secret key', 'A3-{6u}-{6u}-{5u}-{5u}-{5u}-{5u}'],
  ['Pulumi token', 'pul-{40h}'],
  ['Terraform token', '{14a}.atlasv1.{67w}'],
  ['Grafana token', 'glsa_{32a}_{8h}'],
  ['New Relic key', 'NRAK-{27u}'],
  ['New Relic key', '{36h}NRAL'],
  ['Sentry token', 'sntryu_{64h}'],
  ['Slack token', 'xapp-1-{11u}-{13d}-{64h}'],
  ['Notion token', 'ntn_{11d}{35a}'],
  ['Linear key', 'lin_api_{40a}'],
  ['Figma token', 'figd_{40w}'],
  ['Airtable token', 'pat{14a}.{64h}'],
  ['Dropbox token', 'sl.u.{140w}'],
  ['Stripe key', 'rk_test_{24a}'],
  ['Stripe webhook secret', 'whsec_{32a}'],
  ['Square token', 'sq0atp-{22w}'],
  ['Shopify token', 'shpat_{32h}'],
  ['Mailgun key', 'key-{32h}'],
  ['AWS session token', 'IQoJb3JpZ2lu{300b}'],
  ['Asana token', '1/{16d}:{32h}'],
  ['Discord token', 'N{23a}.{6w}.{38w}'],
  ['Notion token', 'secret_{43a}'],
  ['Mailchimp key', '{32h}-us21'],
  ['Brevo key', 'xkeysib-{64h}-{16a}'],
  ['Resend key', 're_{8a}_{24a}'],
  ['age secret key', 'AGE-SECRET-KEY-PQ-1{58u}'],
  ['Django secret key', 'django-insecure-{50l}'],
  ['ClickHouse key', '4b1d{38a}'],
  ['Hugging Face token', 'api_org_{34a}'],
  ['Cerebras key', 'csk-{48l}'],
  ['GitLab token', 'glagent-{50w}'],
  ['Clojars token', 'CLOJARS_{60l}'],
  ['JFrog token', 'cmVmd{59a}'],
  ['CircleCI token', 'CCIPAT_{22a}_{40h}'],
  ['Buildkite token', 'bkua_{40h}'],
  ['Readme token', 'rdme_{70l}'],
  ['Amazon Bedrock key', 'bedrock-api-key-{120b}'],
  ['Google OAuth token', '1//0{80w}'],
  ['Cloudflare key', 'v1.0-{24h}-{146h}'],
  ['Fly.io token', 'fo1_{43w}'],
  ['Prefect key', 'pnu_{36a}'],
  ['Alibaba access key', 'LTAI{20a}'],
  ['Yandex key', 'AQVN{36w}'],
  ['1Password token', 'ops_ey{250a}fQ'],
  ['Grafana token', 'glc_eyJ{120a}'],
  ['Sentry token', 'sntrys_eyJ{160a}=_{43b}'],
  ['Dynatrace token', 'dt0c01.{24u}.{64u}'],
  ['OpenShift token', 'sha256~{43w}'],
  ['Discord webhook', 'discord.com/api/webhooks/{18d}/{68w}'],
  ['Discord token', 'mfa.{84w}'],
  ['Contentful token', 'CFPAT-{43w}'],
  ['Typeform token', 'tfp_{44w}'],
  ['Square token', 'EAAA{60w}'],
  ['Facebook token', 'EAA{180a}'],
  ['Plaid token', 'access-production-{8h}-{4h}-{4h}-{4h}-{12h}'],
  ['EasyPost key', 'EZAK{54a}'],
  ['Shippo token', 'shippo_live_{40h}'],
  ['Mapbox token', 'sk.eyJ{80a}.{22w}'],
  ['MaxMind key', '{6a}_{29a}_mmk'],
  ['X token', 'AAAAAAAAAAAAAAAAAAAAA{90a}'],
];

describe('a token of a form of its own', () => {
  it.each(TOKENS)('is found: %s, %s', async (kind, pattern) => {
    const token = madeUpSecret(pattern);
    for (const text of [token, `TOKEN: ${token}`, `"k":"${token}","n":1`, `f('${token}');`, `a=${token}&b=1`])
      expect(
        (await scan(text)).map((it) => [it.kind, it.value]),
        text,
      ).toContainEqual([kind, token]);
    // Neither a part of a word, nor what only shows the form.
    const placeholder = pattern.replace(/\{(\d+)[a-z]\}/g, (_, length: string) => 'x'.repeat(Number(length)));
    expect(await scan(`see ${placeholder}`)).toEqual([]);
  });
});

describe('a private key', () => {
  const ec = madeUpPem('EC PRIVATE KEY', 121);
  const [first = '', ...rest] = ec.split('\n');
  const body = rest.slice(0, -1);
  const armored = madeUpPem('PGP PRIVATE KEY BLOCK', 600).replace('\n', '\nVersion: GnuPG v2\nComment: of nobody\n\n');

  it.each([
    ['as it is', ec, ec],
    ['with line numbers of cat -n', numbered(ec, '\t'), null],
    ['with line numbers of Claude Code', numbered(ec, '→'), null],
    ['in a diff', ec.replace(/^/gm, '+'), null],
    ['taken out in a diff', ec.replace(/^/gm, '-'), null],
    [
      'found by grep',
      ec
        .split('\n')
        .map((line, i) => `${i + 3}:${line}`)
        .join('\n'),
      null,
    ],
    ['found by grep in a file', ec.replace(/^/gm, 'conf/a-1-key.txt:'), null],
    ['found by grep in a file, with what follows', ec.replace(/^/gm, 'a.txt-7-').replace('-7-', ':6:'), null],
    ['quoted in Markdown', ec.replace(/^/gm, '> '), null],
    ['indented in YAML', ec.replace(/^/gm, '    '), null],
    ['with line ends of Windows', ec.replaceAll('\n', '\r\n'), null],
    ['on one line', ec.replaceAll('\n', ' '), null],
    ['on one line without spaces', `${first}${body.join('')}${rest.at(-1)}`, null],
    ['encrypted', ec.replace('\n', '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n'), null],
    ['of OpenSSH', madeUpPem('OPENSSH PRIVATE KEY', 400), null],
    ['of PGP', armored.replace(/(\n-----END)/, '\n=k3Ab$1'), null],
    ['cut off at its end', ec.split('\n').slice(0, 2).join('\n'), null],
  ])('is found %s', async (_, shown, whole) => {
    const found = await scan(`before it\n${shown}\nDone, what now?\n`);
    expect(found.map(({ kind }) => kind)).toEqual(['private key']);
    const value = found[0]?.value ?? '';
    if (whole !== null) expect(value).toBe(whole);
    for (const line of body.slice(0, 1)) if (shown.includes(line)) expect(value).toContain(line);
    expect(value).toMatch(/^-----BEGIN [\s\S]*[A-Za-z0-9+/=-]$/);
    expect(value).not.toMatch(/before|Done/);
    // It is the same in JSON, where all of it must be within one string.
    expect((await scan(JSON.stringify({ content: shown, more: 1 }))).map((it) => it.value)).toEqual([flat(value)]);
  });

  it('is found without its first lines', async () => {
    const [found] = await scan(`$ tail -3 key\n${ec.split('\n').slice(-3).join('\n')}\n$`);
    expect(found?.value).toBe(body.slice(-2).join('\n'));
  });

  it('is found in the lines of a program, each for itself', async () => {
    const lines = ec.split('\n').map((line) => `  "${line}\\n"`);
    expect((await scan(`const KEY = [\n${lines.join(' +\n')};\n`)).map(({ value }) => value)).toEqual(body);
  });

  it('is found in the lines of a patch, as Claude Code keeps one', async () => {
    for (const mark of ['+', '-', ' ']) {
      const patch = { structuredPatch: [{ oldStart: 1, lines: ec.split('\n').map((line) => mark + line) }] };
      const found = (await scan(JSON.stringify({ toolUseResult: patch }))).map(({ value }) => value);
      // The mark may be taken for a character of base64.
      expect(found.map((value) => value.replace(/^\+/, ''))).toEqual(body.map((line) => line.replace(/^\+/, '')));
    }
  });

  it('is found in a file of PuTTY', async () => {
    const lines = madeUpSecret('{64b}\n{64b}\n{20b}');
    const putty = `PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 3\n${lines}\nPrivate-MAC: 12`;
    expect((await scan(putty)).map(({ value }) => value)).toEqual([lines]);
  });

  it('is not what only says where one goes', async () => {
    for (const text of [
      `${first}\n...\n${rest.at(-1)}`,
      `${first}\n<your key>\n`,
      `if (text.startsWith('${first}')) {`,
    ])
      expect(await scan(text)).toEqual([]);
    const certificate = madeUpPem('CERTIFICATE', 700);
    expect(await scan(`${certificate}\n${madeUpPem('PUBLIC KEY', 290)}`)).toEqual([]);
  });
});

const token = madeUpSecret('{40a}');
const password = madeUpSecret('{6l}-{6a}!');
const basic = Buffer.from(`alice:${password}`).toString('base64');
const TEAMS = madeUpSecret('{36w}@{36w}/IncomingWebhook/{32h}/{36w}');
const KEY_IN_BASE64 = Buffer.from(madeUpPem('EC PRIVATE KEY', 121)).toString('base64');
/** Base64 of JSON whose end is `"}`. */
const OPS = `ops_${Buffer.from(JSON.stringify({ salt: madeUpSecret('{207w}'), k: madeUpSecret('{16w}') })).toString('base64')}`;
const PUBKY_LINK = `pubkyring://secret_export?key=${madeUpSecret('{64h}')}`;

/** Where a credential stands, the text, and what of it is secret. */
const CREDENTIALS: readonly (readonly [where: string, text: string, value: string])[] = [
  ['a header', `Authorization: Bearer ${token}`, token],
  ['a header of curl', `curl -H 'authorization: bearer ${token}' https://a.b`, token],
  ['a header in JSON', `{"Authorization":"Bearer ${token}"}`, token],
  ['a header without a scheme', `"authorization": "${token}"`, token],
  ['a header of its own', `-H "X-Api-Key: ${token}"`, token],
  ['a header of GitLab', `PRIVATE-TOKEN: ${token}`, token],
  ['a basic header', `> Authorization: Basic ${basic}`, basic],
  ['a cookie', `Cookie: theme=dark; session_id=${token}; a=b`, token],
  ['curl -u', `curl -s -u alice:${password} https://a.b/c`, password],
  ['curl -u behind a header', `curl -H "Accept: */*" -u alice:${password} https://a.b/c`, password],
  ['curl --user', `curl --user "alice:${password}" https://a.b/c`, password],
  ['mysql -p', `mysql -h db -u app -p${password} shop`, password],
  ['sshpass', `sshpass -p '${password}' ssh host`, password],
  ['docker login', `docker login -u alice -p ${password} registry.io`, password],
  ['--password', `tool --password=${password} --verbose`, password],
  ['.netrc', `machine api.host.io\n  login alice\n  password ${password}\n`, password],
  ['the file of docker', `{"auths":{"registry.io":{"auth":"${basic}"}}}`, basic],
  ['.npmrc', `//registry.io/:_authToken=${token}\n`, token],
  ['WireGuard', `PrivateKey = ${madeUpSecret('{43b}')}=\n`, `${madeUpSecret('{43b}')}=`],
  ['a web address', `https://alice:${password}@git.host.io/a/b.git`, password],
  ['a connection string', `mongodb+srv://app:${password}@c0.mongo.net/shop?w=1`, password],
  ['a query', `GET https://a.b/c?user=1&access_token=${token}&x=2`, token],
  [
    '/etc/shadow',
    `alice:$6$${madeUpSecret('{16a}$')}${madeUpSecret('{86a}')}:19000:0:::`,
    `$6$${madeUpSecret('{16a}$')}${madeUpSecret('{86a}')}`,
  ],
  ['redis', `redis://:${password}@cache.host.io:6379/0`, password],
  // The password alone is too short, or a word that stands in many places.
  ['a short one', 'postgres://app:w9x2@db.host.io/shop?a=1', 'postgres://app:w9x2@db.host.io/shop?a=1'],
  ['a word', 'amqp://app:sunflower@mq.host.io:5672', 'amqp://app:sunflower@mq.host.io:5672'],
  [
    'the signature of a link to Azure',
    `https://shop.blob.core.host.net/a/b?sv=2022-11-02&sr=b&sig=${madeUpSecret('{43b}')}%3D`,
    `${madeUpSecret('{43b}')}%3D`,
  ],
  [
    'a connection to Azure',
    `Endpoint=sb://a.b/;SharedAccessKey=${madeUpSecret('{43b}')}=`,
    `${madeUpSecret('{43b}')}=`,
  ],
  ['a webhook of Teams', `https://a.webhook.office.com/webhookb2/${TEAMS}`, TEAMS],
  ['a setting of Mailgun', `mailgun:\n  key: ${madeUpSecret('{32h}-{8h}-{8h}')}`, madeUpSecret('{32h}-{8h}-{8h}')],
  ['a link of Pubky Ring', `open ${PUBKY_LINK} then`, PUBKY_LINK],
  ['a configuration of Kubernetes', `client-key-data: ${KEY_IN_BASE64}`, KEY_IN_BASE64],
  ['a JSON web key', `{"kty":"EC","crv":"P-256","d":"${madeUpSecret('{43w}')}","x":"1"}`, madeUpSecret('{43w}')],
  ['a setting of 1Password', `OP = ${OPS}`, OPS],
  ['a key of SendGrid', `SENDGRID ${madeUpSecret('SG.{22a}.{43a}')}`, madeUpSecret('SG.{22a}.{43a}')],
];

describe('a credential', () => {
  it.each(CREDENTIALS)('is found in %s', async (_, text, value) => {
    expect((await scan(`${text}\n`)).map((it) => it.value)).toContainEqual(value);
    const inJson = await scan(JSON.stringify({ command: text, uuid: 'x' }));
    expect(inJson.map((it) => it.value)).toContainEqual(value);
    for (const kind of new Set(inJson.map((it) => it.kind)))
      expect(await scan(text.replaceAll(value, `[masked 7: ${kind}]`))).toEqual([]);
  });

  it('is found behind a name that says so', async () => {
    for (const text of [
      `export GH_TOKEN=${token}`,
      `STRIPE_SECRET="${token}"`,
      `SECRET_KEY_BASE=${token}`,
      `declare -x APP_AUTH="${token}"`,
      `ENV INTERNAL_API_KEY=${token}`,
      `$env:API_KEY = "${token}"`,
      `api_key: '${token}'`,
      `"clientSecret": "${token}",`,
      `password = "${token}"`,
      `spring:\n  client_secret: ${token}`,
      `- token: ${token}`,
      `     7→  api_key: ${token}`,
      `secret_key = ${token}`,
    ])
      expect(
        (await scan(`x\n${text}\n`)).map((it) => it.value),
        text,
      ).toEqual([token]);
    expect((await scan('DB_PASSWORD=Tr0ub4dor&3x\n')).map((it) => it.value)).toEqual(['Tr0ub4dor&3x']);
    // One in fifty of those in hex has so few different digits.
    const hex = '0a1b2c3d4b0c1d2a' + '3b4c0d1a2b3c4d0a';
    expect((await scan(`TWILIO_AUTH_TOKEN=${hex}\n`)).map((it) => it.value)).toEqual([hex]);
  });

  it.each([
    ['letters alone', 'DB_PASSWORD=', 'qZkWmRtpUcXiAHvT', '\n'],
    ['letters and signs', 'DB_PASSWORD=', 'VnR&WbbL!%Ebrr', '\n'],
    ['signs in it', 'export SMTP_PASS=', 'Tr0ub4dor,3x;(and|more)&b', '\n'],
    ['signs in it, in quotes', 'SMTP_PASS="', 'aB3(xK9)q2$wX', '"\n'],
    ['signs in it, in YAML', 'db:\n  password: ', 'kkbvO8&QDn$wi!jf4', '\n'],
    ['a short name', "auth: { user: 'a@b.io', pass: '", 'pvQ7cHd2qlvrDy', "' }"],
    ['few different digits', 'API_KEY=', 'ff810811b14815c3f3bb', '\n'],
    ['base64 that begins with a dash', 'Authorization: Bearer ', `-${madeUpSecret('{42w}')}`, '\n'],
    ['letters alone, in a header', 'X-Api-Key: ', 'CAhPfSzVvrMFcpPwpdVEilFcTtCWYrBi', '\n'],
    ['a UUID of a service', 'HEROKU_API_KEY=', madeUpSecret('{8h}-{4h}-4111-8111-{12h}', 'heroku'), '\n'],
    [
      'the key of Django',
      "SECRET_KEY = 'django-insecure-",
      'x(2&k$q!m^8_7w*z+e=r)t5y@u#i-o%p3a6s9d1f4g0hjlzxcv',
      "'\n",
    ],
  ])('is found whole, with %s', async (_, before, value, after) => {
    for (const text of [`${before}${value}${after}`, JSON.stringify({ output: `${before}${value}${after}` })]) {
      const found = (await scan(text)).map((it) => it.value);
      expect(
        found.some((it) => it.endsWith(value)),
        text,
      ).toBe(true);
    }
  });

  it.each([
    ['a connection string', 'Server=tcp:db,1433;Database=app;User ID=sa;Password=#;Encrypt=true'],
    ['a connection string of libpq', 'host=db user=ada password=# dbname=x'],
    ['properties of Java', 'x\nspring.datasource.password=#\n'],
    ['properties with spaces', 'db.password = #\n'],
    ['a form', 'grant_type=password&username=a&password=#&x=1'],
    ['kubectl and helm', 'kubectl create secret generic a --from-literal=password=# && helm --set auth.password=# x'],
    ['XML', '<server><password>#</password></server>'],
    ['XML of .NET', '<add key="SmtpPassword" value="#" />'],
    ['YAML of Kubernetes', '- name: DB_PASSWORD\n  value: "#"\n'],
    ['JSON of a task', '{"name": "DB_PASSWORD", "value": "#"}'],
    ['SQL of MySQL', "CREATE USER a IDENTIFIED BY '#';"],
    ['SQL of Postgres', "ALTER USER a WITH PASSWORD '#';"],
    ['Python', 'os.environ["DB_PASSWORD"] = "#"'],
    ['PHP', "define('DB_PASSWORD', '#');"],
    ['a passphrase', 'passphrase: "#"'],
  ])('is found in %s', async (_, pattern) => {
    for (const value of [madeUpSecret('Wq7{9a}'), 'Summer2024!x']) {
      const text = pattern.replaceAll('#', value);
      for (const shown of [text, JSON.stringify({ output: text }), JSON.stringify([JSON.stringify({ output: text })])])
        expect(
          (await scan(shown)).map((it) => it.value),
          shown,
        ).toContain(value);
    }
  });

  it('is an access key of AWS, also without a digit', async () => {
    const key = ['AKIA', 'PNTRDOPYQLXGNWRZ'].join('');
    expect((await scan(`id ${key}`)).map(({ value }) => value)).toEqual([key]);
  });

  it('is a recovery phrase, as Pubky Ring shows one', async () => {
    const phrase = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const words = phrase.split(' ');
    const numberedWords = words.map((word, i) => `${i + 1}. ${word}`).join('\n');
    for (const text of [`the recovery phrase is ${phrase}.`, `mnemonic: "${phrase}"`, `seed\n${words.join('\n')}\n`])
      expect(
        (await scan(text)).map((it) => [it.kind, it.value.split(/\s/)]),
        text,
      ).toEqual([['recovery phrase', words]]);
    expect((await scan(`recovery phrase:\n${numberedWords}\n`)).map((it) => it.kind)).toEqual(['recovery phrase']);
    // The list itself, in which some lines have the right checksum by chance.
    expect(await scan(`mnemonic words:\n${wordlist.slice(1150, 1250).join('\n')}`)).toEqual([]);
    // One word is another: the checksum is wrong. Nobody's prose has it right.
    expect(await scan(`the recovery phrase is ${phrase.replace('wave', 'water')}.`)).toEqual([]);
  });

  it('is a key in hex, as cclink writes its own', async () => {
    const hex = madeUpSecret('{64h}');
    for (const text of [
      `secret_key = "${hex}"`,
      `CCLINK_SECRET_KEY=${hex}`,
      `seed: ${hex}`,
      `the private key is ${hex}.`,
      `$ cat key\n${hex}\n`,
      `     1→${hex}\n`,
      `{"type":"tool_result","content":"${hex}"}`,
      `privateKey: 0x${hex},`,
    ])
      expect(
        (await scan(`${text}\n`)).map((it) => it.value),
        text,
      ).toEqual([hex]);
  });
});

describe('no secret', () => {
  const hex = (length: number, seed: string) => madeUpSecret(`{${length}h}`, seed);
  const digest = hex(64, 'digest');

  it.each([
    ['the digest of a file', `${digest}  src/main.ts\n`],
    ['a digest in a lock file', `"integrity": "sha512-${madeUpSecret('{86b}')}==",\nchecksum = "${digest}"\n`],
    ['a digest in go.sum', `golang.org/x/crypto v0.41.0 h1:${madeUpSecret('{43b}')}=\n`],
    ['an image of docker', `FROM node@sha256:${digest}\n`],
    ['a container of docker', `$ docker run -d nginx\n${digest}\n`],
    ['a list of digests', [1, 2, 3].map((i) => `${hex(64, `${i}`)}\n`).join('')],
    ['a commit', `commit ${hex(40, 'commit')}\n`],
    [
      'a UUID',
      `{"token_id":"${hex(8, 'a')}-1111-4111-8111-${hex(12, 'b')}","sessionKey":"${hex(8, 'a')}-1111-4111-8111-${hex(12, 'b')}"}`,
    ],
    [
      'a variable of a program',
      'const apiKey = process.env.API_KEY;\nTOKEN=$(gh auth token)\nSECRET=$' + '{SECRET:-none}\n',
    ],
    ['a type', 'password: string; readonly accessToken: Promise<string>; "token": "StringLiteral2Kind"'],
    [
      'what stands for one',
      'API_KEY=your-api-key-here-12345\nTOKEN=<token>\nPASSWORD=changeme123A!\nSECRET={{secret1A}}\n',
    ],
    [
      'the samples of AWS',
      `aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n${'AKIA'}IOSFODNN7EXAMPLE`,
    ],
    ['a database of the own machine', 'postgres://postgres:postgres@localhost:5432/test\nredis://user:pass@host/0'],
    ['a web address with a colon', 'http://localhost:8080/a@b http://[::1]:80/ https://a.b/c:d@e git@host.io:a/b.git'],
    ['a path', 'SSH_KEY_FILE=/home/alice/.ssh/id_ed25519\nTOKEN_PATH=./secrets/token1A.txt'],
    [
      'a public key',
      `SSH_PUBLIC_KEY=${madeUpSecret('{60a}')}\nssh-ed25519 ${madeUpSecret('AAAAC3NzaC1lZDI1NTE5{43b}')} a@b`,
    ],
    ['a public key of cclink', `pk:${madeUpSecret('{52l}')}`],
    [
      'an unsigned token',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"someone"}').toString('base64url')}.aaaaaaaaaaaaaaaaaaaaaa`,
    ],
    ['a class of CSS', '.sk-fading-circle-large-and-some-more-text { } .risk-assessment-of-2024-and-2025 { }'],
    [
      'a program',
      'password: getPassword2(user1),\n  token: defaultToConfig2,\nPASSWORD=$db_password\npass: prefix-$dbPassword\n',
    ],
    [
      'another program',
      'f(password=password1, token=getToken2, secret=n(1!==A2b), {name: "key", value: "first1Value"})\n<NextToken>aB3dE5gH7jK9</NextToken>\n![c](https://codecov.io/b.svg?token=mDP3mQJNnn)\nwith password "letmein now"\n',
    ],
    ['a label', '"password": "Passwort!", "newPassword": "Neues&nbsp;Passwort?", "pass": "XMLHttpRequest"'],
    [
      'a long example of AWS',
      `aws_session_token = AQo${'EXAMPLE'}${madeUpSecret('{200b}')}\n"sessionToken": "IQoJb3JpZ2lu${madeUpSecret('{90b}')}EXAMPLE${madeUpSecret('{90b}')}"`,
    ],
    ['a placeholder of ours', 'API_TOKEN=[masked 3: GitHub token]\nAuthorization: Bearer [masked 12: bearer token]'],
  ])('is %s', async (_, text) => {
    expect(await scan(text)).toEqual([]);
    expect(await scan(JSON.stringify({ content: text, uuid: '11111111-1111-4111-8111-111111111111' }))).toEqual([]);
  });

  it('is in a picture, a signature of thinking, or hex without end', async () => {
    for (const coding of ['base64', 'base64url', 'hex'] as const) {
      const text = drawnBytes(600_000, 'picture').toString(coding);
      expect(await scan(JSON.stringify({ type: 'image', data: text, signature: text.slice(0, 4000) }))).toEqual([]);
    }
    // Chance writes these into one of thirty large pictures.
    const picture = drawnBytes(60_000, 'picture').toString('base64');
    for (const prefix of ['ABSK', 'AKCp', 'AQVN', 'cio'])
      for (const end of ['', '/', '+']) {
        const body = picture.slice(0, 3000).replaceAll(/[+/]/g, '');
        const text = `${picture.slice(0, 9000)}/${prefix}${body.slice(0, 69)}${end}${picture.slice(9000)}`;
        expect(await scan(JSON.stringify({ type: 'image', data: text })), prefix).toEqual([]);
      }
  });
});

describe('a rule', () => {
  it('finds a secret of these tests, if it knows the form of tokens or credentials', async () => {
    const texts = [...KNOWN, ...CREDENTIALS.map(([, text]) => ({ text: `${text}\n` }))].map(({ text }) => flat(text));
    texts.push(...TOKENS.map(([, form]) => madeUpSecret(form)));
    for (const rule of [...LIBRARY_RULES, ...TOKEN_RULES, ...SHAPED_TOKEN_RULES, ...CREDENTIAL_RULES]) {
      const found = await Promise.all(texts.map(async (text) => [...(await rule.find(text))].length));
      expect(
        found.some((count) => count > 0),
        rule.anchors.join(' '),
      ).toBe(true);
    }
  });

  it('takes linear time, whatever stands near its words', async () => {
    const length = 64 * 1024;
    for (const rule of RULES) {
      const [anchor = 'a.'] = rule.anchors;
      for (const unit of [
        anchor,
        `${anchor} `,
        `-${anchor}`,
        `${anchor.toUpperCase()}: a`,
        `.${anchor}="`,
        `${anchor}a1-`,
      ]) {
        const text = unit.repeat(length / unit.length);
        const started = performance.now();
        for (const _ of await rule.find(text));
        // A rule that begins anew at each word, and reads to the end, would take minutes.
        expect(performance.now() - started, `${rule.anchors[0]} in ${unit}`).toBeLessThan(2000);
      }
    }
  });

  it.each(['_AUTHTOKEN=', 'KEY=', 'value:', 'password='])(
    'takes little time for names without end: %s',
    async (name) => {
      const text = name.repeat(440_000 / name.length);
      const started = performance.now();
      await scan(text);
      // It takes 0.1 s, and 5 s if what stands before is looked at for each end that a value could have.
      expect(performance.now() - started).toBeLessThan(1500);
    },
  );

  it('has anchors that can be looked for, and a reach, unless it looks everywhere', () => {
    for (const { anchors, reach } of RULES) {
      for (const anchor of anchors) expect(anchor).toMatch(/^[\x20-\x40\x5b-\x7e]{3,64}$/);
      if (reach !== undefined) expect(reach).toBeLessThanOrEqual(LONGEST_SECRET);
    }
  });
});
