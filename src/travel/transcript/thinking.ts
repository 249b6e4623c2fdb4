import { isObject } from '../../claude/json-object.ts';
import type { JsonRecord } from './record-rules.ts';

/** Where in the content of a record's message thinking is: its indices. */
export function thinkingIn({ message }: JsonRecord): number[] {
  const content = isObject(message) ? message['content'] : null;
  if (!Array.isArray(content)) return [];
  const indices: number[] = [];
  for (let index = 0; index < content.length; index += 1) {
    if (isThinking(content[index])) indices.push(index);
  }
  return indices;
}

/** The block at `index` of the content of a record's message. */
export function blockAt({ message }: JsonRecord, index: number): unknown {
  return isObject(message) && Array.isArray(message['content']) ? message['content'][index] : undefined;
}

/** Whether a record holds thinking and nothing else. */
export function isThinkingAlone({ message }: JsonRecord): boolean {
  const content = isObject(message) ? message['content'] : null;
  return Array.isArray(content) && content.length > 0 && content.every(isThinking);
}

/** Whether thinking has what the model's API asks for: without it, a whole request is refused. */
export function isSigned(block: unknown): boolean {
  if (!isObject(block)) return false;
  const proof = block[block['type'] === 'thinking' ? 'signature' : 'data'];
  return typeof proof === 'string' && proof !== '';
}

/** Whether a block of a message is thinking: signed, so that nothing in it may be changed. */
export function isThinking(block: unknown): boolean {
  return isObject(block) && (block['type'] === 'thinking' || block['type'] === 'redacted_thinking');
}
