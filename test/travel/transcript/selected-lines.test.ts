import { expect, it } from 'vitest';
import { SelectedLines } from '../../../src/travel/transcript/selected-lines.ts';
import { TranscriptFilter } from '../../../src/travel/transcript/transcript-filter.ts';
import { collect } from '../../support/chunks.ts';
import { sessionId } from '../../support/claude-folder.ts';

it('a line in which thousands of values stand is filtered once, and looked through once', async () => {
  const record = { type: 'user', message: { role: 'user', content: 'x'.repeat(900_000) }, uuid: sessionId(1) };
  const line = `${JSON.stringify(record)}\n`;
  const filter = new TranscriptFilter({ strict: true, keepThinking: true, rewrite: null, newSessionId: null });
  const ranges = Array.from({ length: 300_000 }, (_, i) => ({ start: 100 + 2 * i, end: 101 + 2 * i }));
  const started = performance.now();
  const lines = new SelectedLines(filter, (all) => (all.length === line.length ? ranges : []));
  expect((await collect(lines.of([Buffer.from(line)]))).toString()).toBe(line);
  expect(lines.dropped).toBe(0);
  expect(filter.report.records).toBe(1);
  // It takes 20 ms, and 3 s if the end of the line is looked for behind each of them.
  expect(performance.now() - started).toBeLessThan(1000);
});
