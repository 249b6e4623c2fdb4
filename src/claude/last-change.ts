import { fstatSync } from 'node:fs';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { parseObject } from './json-object.ts';

/** How much of the end of a transcript is read, in bytes: little, then more for the sake of a long line. */
const TAIL_BYTES = [64 * 1024, 2 * 1024 * 1024];

/**
 * When something was last said in the transcript at `path`, in Unix milliseconds, by the time in its last
 * record; by the time of the file if no record tells. Null if it can't be read.
 *
 * The time of a file says less: some tools that copy it keep that time, others don't.
 */
export function lastChangeOf(path: string): number | null {
  return withRegularFile(path, (file) => {
    const { size, mtimeMs } = fstatSync(file);
    for (const length of TAIL_BYTES) {
      const start = Math.max(0, size - length);
      const lines = readAt(file, start, length).toString('utf8').split('\n');
      const times = (start > 0 ? lines.slice(1) : lines).map(timeOf).filter((time) => time !== null);
      if (times.length > 0) return Math.max(...times);
      if (start === 0) break;
    }
    return mtimeMs;
  });
}

/** The time of a record of the conversation; null for other records, and for lines that are cut off. */
function timeOf(line: string): number | null {
  const record = parseObject(line);
  if (record === null || (record['type'] !== 'user' && record['type'] !== 'assistant')) return null;
  const time = typeof record['timestamp'] === 'string' ? Date.parse(record['timestamp']) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
