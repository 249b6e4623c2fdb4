import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import { endsVaried } from './plausible-secret.ts';
import type { FoundSecret, SecretRule } from './secret-rule.ts';

/** What of the library's interface is used here: its own types are in packages that nothing else needs. */
interface LibraryRule {
  readonly meta: { readonly id: string };
  create(
    context: {
      createTranslator(messages: unknown): (id: string, data?: Readonly<Record<string, string>>) => unknown;
      report(found: { readonly message: unknown; readonly range: readonly [number, number] }): void;
      ignore(): void;
    },
    options: object,
  ): { file?(source: object): unknown };
}

/** How long its tokens are at most, with what is looked at around them, in bytes. */
const REACH = 400;
/** Shorter is no token that a machine drew: `xoxb-1234-5678` stands in documentation. */
const SHORTEST_TOKEN = 16;
/** How far the value stands behind where a rule found something, at most: behind its name. */
const LONGEST_NAME = 100;

/** How one of its rules is used. */
interface Use {
  readonly kind: string;
  readonly anchors: readonly string[];
  /** As a rule's; `REACH` without it. */
  readonly reach?: number;
}

/**
 * The rules that are used, by the end of their names. Left out:
 *
 * - the one that lets a comment in the text switch the others off;
 * - the one for files of Google Cloud, which reads them itself: the key in there is found as a private key;
 * - the one for ids of AWS accounts, which are no secrets;
 * - those for passwords in web addresses and of databases: ours finds them in all addresses;
 * - the one for Figma, which takes a second for a megabyte of `figd_`.
 */
const USES: Readonly<Record<string, Use>> = {
  aws: { kind: 'AWS secret key', anchors: ['secret_access', 'secretaccess'] },
  github: { kind: 'GitHub token', anchors: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'] },
  gitlab: { kind: 'GitLab token', anchors: ['glpat-'] },
  npm: { kind: 'npm token', anchors: ['npm_'] },
  slack: { kind: 'Slack token', anchors: ['xoxb-', 'xoxp-', 'xapp-', 'xoxa-', 'xoxo-', 'xoxr-', 'hooks.slack.com'] },
  openai: { kind: 'OpenAI API key', anchors: ['t3blbkfj'] },
  anthropic: { kind: 'Anthropic API key', anchors: ['sk-ant-api'] },
  groq: { kind: 'Groq key', anchors: ['gsk_'] },
  huggingface: { kind: 'Hugging Face token', anchors: ['hf_'] },
  linear: { kind: 'Linear key', anchors: ['lin_api_'] },
  notion: { kind: 'Notion token', anchors: ['ntn_'] },
  privatekey: { kind: 'private key', anchors: ['private key-----', 'private key block-----'], reach: 11_000 },
  sendgrid: { kind: 'SendGrid key', anchors: ['sg.'] },
  shopify: { kind: 'Shopify token', anchors: ['shppa_', 'shpca_', 'shpat_', 'shpss_'] },
  grafana: { kind: 'Grafana token', anchors: ['glc_', 'glsa_'] },
  '1password': { kind: '1Password token', anchors: ['ops_ey'], reach: 1500 },
  'hashicorp-vault': { kind: 'Vault token', anchors: ['hvs.', 'hvb.', 'hvr.'] },
  vercel: { kind: 'Vercel token', anchors: ['vcp_', 'vci_', 'vca_', 'vcr_', 'vck_'] },
  databricks: { kind: 'Databricks token', anchors: ['dapi'] },
  docker: { kind: 'Docker token', anchors: ['dckr_pat_'] },
};

/**
 * Where the value is in what was found at `from`: what a rule would print. Some of its rules say a wrong
 * range where the value is only a part of what they matched.
 */
function placeOf(text: string, from: number, values: readonly string[]): { start: number; end: number } | null {
  for (const value of values) {
    const start = text.indexOf(value, from);
    if (start >= 0 && start < from + LONGEST_NAME) return { start, end: start + value.length };
  }
  return null;
}

/** Runs one of its rules on a text. */
async function found(rule: LibraryRule, { kind }: Use, text: string): Promise<readonly FoundSecret[]> {
  const secrets: FoundSecret[] = [];
  // Its rules take ª, µ and º for letters, which here are the last bytes of any character.
  const content = text.replace(/[\xaa\xb5\xba]/g, '\x80');
  const checks = rule.create(
    {
      createTranslator: () => (_id, data) => Object.values(data ?? {}),
      report: ({ message, range: [from] }) => {
        const place = placeOf(content, from, message as readonly string[]);
        if (place === null) return;
        const secret = content.slice(place.start, place.end);
        const isToken = secret.length >= SHORTEST_TOKEN && endsVaried(secret) && !/EXAMPLE|"/.test(secret);
        if (isToken) secrets.push({ kind, ...place });
      },
      ignore: () => {},
    },
    {},
  );
  await checks.file?.({ content, filePath: 'session.txt', ext: '.txt', contentType: 'text' });
  return secrets;
}

const all = rules as unknown as readonly LibraryRule[];

/** The rules of `@secretlint/secretlint-rule-preset-recommend`, one for each that cclink uses. */
export const LIBRARY_RULES: readonly SecretRule[] = Object.entries(USES).map(([name, use]) => {
  const rule = all.find(({ meta }) => meta.id === `@secretlint/secretlint-rule-${name}`);
  if (rule === undefined) throw new Error(`The library has no rule '${name}' any more.`);
  return { anchors: use.anchors, reach: use.reach ?? REACH, find: (text) => found(rule, use, text) };
});
