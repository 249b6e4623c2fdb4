/** Scans a transcript for secrets, as a process of its own: prints how many milliseconds that took. */
import { createHash } from 'node:crypto';
import { blocksOf } from '../src/travel/file-blocks.ts';
import { LIBRARY_RULES } from '../src/travel/secrets/rules/library-rules.ts';
import { OWN_RULES } from '../src/travel/secrets/rules/secret-rules.ts';
import { ExactValues } from '../src/travel/secrets/scan/exact-values.ts';
import { SecretScanner } from '../src/travel/secrets/scan/secret-scanner.ts';

/** As many as the environment and the `.env` files of a developer may have. */
const KNOWN = 30;

const [path = ''] = process.argv.slice(2);
const values = Array.from({ length: KNOWN }, (_, i) => createHash('sha256').update(`value ${i}`).digest('base64url'));
const known = new ExactValues(values.map((value) => ({ kind: 'known value', value })));

/** The transcript, and behind it all values that are known. */
function* content(): Generator<Buffer> {
  yield* blocksOf(path);
  yield Buffer.from(`\n${values.join('\n')}\n`);
}

const start = performance.now();
let found = 0;
await new SecretScanner([...LIBRARY_RULES, ...OWN_RULES], known).scan(content(), ({ kind }) => {
  if (kind === 'known value') found += 1;
});
const milliseconds = performance.now() - start;
if (found !== KNOWN) throw new Error(`${found} of ${KNOWN} values were found`);
console.log(milliseconds);
