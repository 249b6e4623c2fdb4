import { isObject } from './json-object.ts';

/**
 * Whether a user or assistant record is part of a conversation, and not only the trace of a local command, of
 * a `!` line, or of an error. The record must be of the main chain (`isSidechain` not true) and not `isMeta`.
 */
export function isSaid(record: Record<string, unknown>): boolean {
  const { type, message } = record;
  if (!isObject(message)) return false;
  // "No response requested." and the errors of the API stand in the name of this model.
  if (type === 'assistant') return message['model'] !== '<synthetic>' && record['isApiErrorMessage'] !== true;
  const { content } = message;
  if (record['isCompactSummary'] === true) return true;
  if (typeof content === 'string') return isOwnText(content);
  if (!Array.isArray(content)) return false;
  return content.filter(isObject).some(({ type: kind, text }) => {
    return kind === 'text' ? typeof text === 'string' && isOwnText(text) : typeof kind === 'string';
  });
}

/** The texts of a user's message; none if it carries the result of a tool. */
export function promptTexts(message: unknown): string[] {
  const content = isObject(message) ? message['content'] : undefined;
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  const blocks = content.filter(isObject);
  if (blocks.some(({ type }) => type === 'tool_result')) return [];
  return blocks.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
}

/** A slash command or a `!` line as it was typed, without the tags in which Claude Code keeps them. */
export function typedCommand(text: string): string | null {
  if (!/^\s*<(?:command-|bash-input>)/.test(text)) return null;
  const shell = between(text, 'bash-input');
  if (shell !== null) return `! ${shell}`;
  const name = between(text, 'command-name');
  return name === null ? null : `${name} ${between(text, 'command-args') ?? ''}`;
}

function between(text: string, tag: string): string | null {
  const start = text.indexOf(`<${tag}>`);
  const end = text.indexOf(`</${tag}>`, start);
  return start === -1 || end === -1 ? null : text.slice(start + tag.length + 2, end).trim();
}

/** What Claude Code writes in the user's name: reminders and output in tags, caveats, interruption notes. */
export function isMachineText(text: string): boolean {
  return /^\s*(?:<[a-z][\w-]*[\s>]|\[Request interrupted by user|Caveat: The messages below were generated)/.test(text);
}

/**
 * Text that is not one of the traces of a command. Narrower than `isMachineText`: a title may miss a prompt
 * that begins with a tag, but the session counts.
 */
function isOwnText(text: string): boolean {
  return (
    text.trim() !== '' &&
    !TAG_OF_TRACE.test(text) &&
    !/^\s*(?:\[Request interrupted|Caveat: The messages below)/.test(text)
  );
}

/** A note to memory (`#`) and what hooks and background tasks report are no part of a conversation either. */
const TAG_OF_TRACE =
  /^\s*<(?:local-command-|command-|bash-|(?:system-reminder|user-memory-input|user-prompt-submit-hook|task-notification)[\s>])/;
