import { isObject } from '../claude/json-object.ts';
import type { JsonRecord } from './record-rules.ts';

/** Tools whose results are only shown. Those of others are acted upon: one of `CronCreate` sets a timer again. */
const SHOWN = new Set(
  'Agent Bash BashOutput Edit Glob Grep LS MultiEdit NotebookEdit NotebookRead Read Task WebFetch WebSearch Write'.split(
    ' ',
  ),
);
const LONGEST_ID = 128;
const MOST_OPEN = 10_000;

/** Follows which tools were called in a session of somebody else, and removes results that do something. */
export class ToolResults {
  #open = new Set<string>();

  /** Removes `toolUseResult` from a record, unless it is that of a tool whose results are only shown. */
  tame(record: JsonRecord): void {
    for (const block of blocksOf(record)) {
      const { type, id, name } = block;
      if (type === 'tool_use' && typeof id === 'string' && typeof name === 'string') this.#call(id, name);
    }
    if (record['toolUseResult'] === undefined) return;
    const ids = blocksOf(record).flatMap(({ type, tool_use_id: id }) => (type === 'tool_result' ? [id] : []));
    const isShown = ids.length > 0 && ids.every((id) => typeof id === 'string' && this.#open.has(id));
    if (!isShown) delete record['toolUseResult'];
    for (const id of ids) this.#open.delete(String(id));
  }

  #call(id: string, name: string): void {
    if (!SHOWN.has(name) || id.length > LONGEST_ID) return;
    if (this.#open.size >= MOST_OPEN) this.#open = new Set();
    this.#open.add(id);
  }
}

function blocksOf({ message }: JsonRecord): Record<string, unknown>[] {
  const content = isObject(message) ? message['content'] : null;
  return Array.isArray(content) ? content.filter(isObject) : [];
}
