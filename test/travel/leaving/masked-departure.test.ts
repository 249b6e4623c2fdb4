import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { identityOf } from '../../../src/claude/session-contents.ts';
import { Spool } from '../../../src/files/spool.ts';
import { type Departing, type Departure, departureOf } from '../../../src/travel/leaving/departing-file.ts';
import { maskedDeparture } from '../../../src/travel/leaving/masked-departure.ts';
import { SecretFiles } from '../../../src/travel/secrets/files/secret-files.ts';
import { Mask } from '../../../src/travel/secrets/mask/mask.ts';
import type { Links } from '../../../src/travel/transcript/links.ts';
import { filterTranscript, TranscriptFilter } from '../../../src/travel/transcript/transcript-filter.ts';
import { collect } from '../../support/chunks.ts';
import { sessionId } from '../../support/claude-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const secret = (letter: string) => `secret-${letter}-${'12345678'}`;
const MASK = new Mask(
  [...'abc'].map((letter) => ({ kind: 'test secret', value: secret(letter) })),
  1,
);
const DIRECTORY = '/home/alice/proj';
const departing = (mask: Mask | null): Departing => ({
  strict: true,
  keepThinking: true,
  directory: DIRECTORY,
  redaction: { mask, files: new SecretFiles() },
});

/** A transcript as it becomes if every line of it is filtered, and not only those that hold a value. */
async function filteredInFull(transcript: Buffer): Promise<string> {
  const read = async (links?: Links) => {
    const more = links === undefined ? {} : { links };
    const filter = new TranscriptFilter({ ...departing(MASK), rewrite: null, newSessionId: null, ...more });
    return { text: (await collect(filterTranscript([transcript], filter))).toString(), report: filter.report };
  };
  const { text, report } = await read();
  return report.links.hasDropped ? (await read(report.links)).text : text;
}

/** A record, with a value or without. Claude Code never writes those that link to one behind them. */
const record = fc.record({
  kind: fc.constantFrom('prompt', 'answer', 'thinking', 'thinking', 'thinking and answer', 'call', 'summary'),
  letter: fc.constantFrom('', ...'abc'),
  back: fc.constantFrom(1, 1, 1, 1, 2, 3, -1),
  size: fc.oneof({ weight: 19, arbitrary: fc.nat({ max: 50 }) }, { weight: 1, arbitrary: fc.constant(700_000) }),
});

it('a masked transcript is to the byte what the filter makes of it, also where a record is dropped that others link to', async () => {
  const path = join(temporaryFolder(), 'session.jsonl');
  let dropped = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 12 }), async (records) => {
      const lines = records.map(({ kind, letter, back, size }, number) => {
        const text = `${'x'.repeat(size)} ${letter === '' ? 'nothing' : secret(letter)}`;
        const parent = number - back;
        const message = (type: 'user' | 'assistant', content: unknown) => ({
          type,
          message: { role: type, content },
          uuid: sessionId(number),
          parentUuid: parent < 0 ? null : sessionId(parent),
          timestamp: '2026-11-20T10:00:00.000Z',
          cwd: DIRECTORY,
        });
        const thinking = { type: 'thinking', thinking: text, signature: 'c2lnbmVk' };
        switch (kind) {
          case 'prompt':
            return message('user', text);
          case 'answer':
            return message('assistant', [{ type: 'text', text }]);
          case 'thinking':
            return message('assistant', [thinking]);
          case 'thinking and answer':
            return message('assistant', [thinking, { type: 'text', text }]);
          case 'call':
            return message('assistant', [{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: text } }]);
          default:
            return { type: 'summary', summary: text, leafUuid: sessionId(Math.max(0, parent)) };
        }
      });
      writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const stats = lstatSync(path, { bigint: true });
      const file = { kind: 'transcript', name: 'session.jsonl', path, size: Number(stats.size) } as const;
      const spool = new Spool(temporaryFolder());
      try {
        const read = await departureOf({ ...file, identity: identityOf(stats) }, departing(null), () => {}, spool);
        const kept = read as Departure;
        const masked = (await maskedDeparture(kept, departing(MASK), () => {}, spool)) as Departure;
        const [before, after] = [await collect(kept.content()), await collect(masked.content())];
        expect(after.toString()).toBe(await filteredInFull(before));
        expect(after.includes('secret-')).toBe(false);
        expect(masked.bytes).toBe(after.length);
        if (masked.left.length > 0) dropped += 1;
      } finally {
        spool.close();
      }
    }),
    { numRuns: 25 },
  );
  expect(dropped).toBeGreaterThan(2);
});
