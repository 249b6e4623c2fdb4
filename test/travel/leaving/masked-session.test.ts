import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FrozenSession, freezeSession } from '../../../src/travel/leaving/frozen-session.ts';
import { LIBRARY_RULES } from '../../../src/travel/secrets/rules/library-rules.ts';
import { OWN_RULES } from '../../../src/travel/secrets/rules/secret-rules.ts';
import { ExactValues } from '../../../src/travel/secrets/scan/exact-values.ts';
import { SecretScanner } from '../../../src/travel/secrets/scan/secret-scanner.ts';
import { collect } from '../../support/chunks.ts';
import { sessionId, writeTranscript } from '../../support/claude-folder.ts';
import { contentsIn, leavingOptions, openedBundle, RECIPIENT } from '../../support/departure.ts';
import { madeUpJwt, madeUpPem, madeUpSecret } from '../../support/made-up-secrets.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const SESSION = sessionId(900);
const scanner = new SecretScanner([...LIBRARY_RULES, ...OWN_RULES], new ExactValues([]));

/** What secrets look like, and what stands around them in the wild. */
const FORMS = [
  ...['ghp_{36a}', 'glpat-{20w}', 'AKIA{16u}', 'sk-ant-oat01-{95w}', 'sk_live_{24a}', 'SG.{22w}.{43w}', 'npm_{36a}'],
  ...['API_KEY={32a}', '"client_secret": "{32a}",', "password: '{16w}!'", 'postgres://me:{16a}@db:5432/x?y={40h}'],
  ...['curl -u me:{16a} -H "Authorization: Bearer {40a}"', '//registry.npmjs.org/:_authToken={36a}', 'secret {64h}'],
];
const secret = fc.tuple(fc.nat(), fc.nat(FORMS.length + 2)).map(([seed, which]) => {
  if (which === FORMS.length) return madeUpJwt({ sub: seed }, `${seed}`);
  const pem = () => madeUpPem('EC PRIVATE KEY', 121, `${seed}`);
  if (which === FORMS.length + 1) return pem();
  if (which > FORMS.length) return pem().replaceAll('\n', '\n+ ');
  return madeUpSecret(FORMS[which] ?? '', `${seed}`);
});
const word = fc.constantFrom(
  ...['the', 'key', 'is', 'password', 'token', '"', "'", '\\', '\n', '\t', ' ', ', ', '=', '{', '[1]', 'é', '語', '😀'],
  ...['\u001b[31m', '\u001b[0m', 'https://a.example/?b=c', '@host', '[masked 2: GitHub token]', '-----', '//', '$'],
);
const text = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: word }, { weight: 2, arbitrary: secret }), {
      minLength: 1,
      maxLength: 8,
    }),
    fc.constantFrom('', ' '),
    fc.constantFrom(0, 0, 0, 1, 2, 3),
  )
  .map(([parts, separator, depth]) => {
    let whole = parts.join(separator);
    for (let layer = 0; layer < depth; layer += 1) whole = JSON.stringify({ [`a ${layer}`]: [whole] });
    return whole;
  });

it('has none of the secrets that were found, however it is read, and can always leave', async () => {
  let checked = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 12, maxLength: 40 }), async (texts) => {
      const claudeFolder = temporaryFolder();
      const next = () => texts.pop() ?? 'no more';
      const kept = [next(), next()].join('\n');
      const path = writeTranscript(claudeFolder, '-home-alice-proj', SESSION, recordsOf(next, texts.length / 2));
      const folder = join(path.replace('.jsonl', ''), 'tool-results');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'b1.txt'), kept);

      const session = await frozen(claudeFolder);
      await session.mask();
      const left = decoded(await leaving(session));
      session.close();
      const values = new Set<string>();
      await scanner.scan([readFileSync(path), Buffer.from(`\n\n${kept}`)], ({ value }) => values.add(value));
      checked += values.size;
      expect([...values].filter((value) => left.includes(value))).toEqual([]);
    }),
    { numRuns: 12 },
  );
  expect(checked).toBeGreaterThan(100);
});

/** A conversation in which `next` says what is said. */
function recordsOf(next: () => string, count: number): object[] {
  const records: object[] = [{ type: 'custom-title', customTitle: next(), sessionId: SESSION }];
  for (let number = 0; number < count; number += 1) {
    const isUser = number % 2 === 0;
    const use = { type: 'tool_use', id: `t${number}`, name: 'Bash', input: { command: next(), [next()]: number } };
    const result = { type: 'tool_result', tool_use_id: `t${number - 1}`, content: [{ type: 'text', text: next() }] };
    records.push({
      ...{ type: isUser ? 'user' : 'assistant', uuid: sessionId(number), cwd: '/home/alice/proj' },
      ...{ parentUuid: number === 0 ? null : sessionId(number - 1), timestamp: '2026-11-20T10:00:00.000Z' },
      message: isUser
        ? { role: 'user', content: number === 0 ? next() : [result] }
        : { role: 'assistant', content: [{ type: 'thinking', thinking: next(), signature: 'c2ln' }, use] },
    });
  }
  return records;
}

function frozen(claudeFolder: string): Promise<FrozenSession> {
  return freezeSession(contentsIn(claudeFolder, SESSION), {
    ...leavingOptions(claudeFolder, SESSION),
    ...{ audience: { mode: 'pin' }, stateFolder: temporaryFolder(), variables: {} },
  });
}

/** All that leaves: the manifest, and the content of each file. */
async function leaving(session: FrozenSession): Promise<string[]> {
  const sealed = await collect(session.prepared({ from: null, handoff: null }).stream(RECIPIENT, null));
  const { manifest, files } = await openedBundle(sealed);
  return [JSON.stringify(manifest), ...files.values()];
}

/** Every text that somebody can get out of these by parsing JSON in them, as deep as it goes. */
function decoded(texts: readonly string[]): string {
  const found: string[] = [];
  const take = (value: unknown): void => {
    if (typeof value === 'string') takeText(value);
    else if (typeof value === 'object' && value !== null) Object.entries(value).flat().forEach(take);
  };
  const takeText = (text: string) => {
    found.push(text);
    for (const part of new Set([text, ...text.split('\n')])) {
      try {
        if (/^\s*["{[]/.test(part)) take(JSON.parse(part));
      } catch {
        // It is a text that begins like JSON.
      }
    }
  };
  for (const text of texts) takeText(text);
  return found.join('\0');
}
