import { isObject } from '../../../claude/json-object.ts';
import type { JsonRecord } from '../../transcript/record-rules.ts';
import { leftOut } from '../left-out.ts';

const MEDIA = new Set(['image', 'document']);

/**
 * Puts a text in the place of each image and document in a record's message, and in the results of tools in
 * it, that `holdsSecret`: whoever masked something in there would break it. Returns how many.
 */
export function leaveMedia({ message }: JsonRecord, holdsSecret: (block: JsonRecord) => boolean): number {
  return isObject(message) ? leaveIn(message['content'], holdsSecret) : 0;
}

function leaveIn(content: unknown, holdsSecret: (block: JsonRecord) => boolean): number {
  if (!Array.isArray(content)) return 0;
  let count = 0;
  for (const [index, block] of content.entries()) {
    if (!isObject(block)) continue;
    const { type, source } = block;
    if (type === 'tool_result') count += leaveIn(block['content'], holdsSecret);
    else if (MEDIA.has(String(type)) && isObject(source) && source['type'] === 'base64' && holdsSecret(block)) {
      content[index] = { type: 'text', text: leftOut(`this ${type} holds a secret`) };
      count += 1;
    }
  }
  return count;
}
