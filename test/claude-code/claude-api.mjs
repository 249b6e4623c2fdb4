// Runs the real Claude Code with a stand-in for the model's Messages API, and ends with its exit code:
//   node claude-api.mjs CLAUDE ARGUMENTS...
// The model writes a file in the current directory if the last prompt has a line `write NAME TEXT`, and
// reads one for `read NAME`. Else it answers with the word ZEBRA if that is anywhere in the conversation, and
// says so if not; it thinks before if the prompt has a line `think TEXT`. What it is asked is appended to the
// file that CCLINK_TEST_API_LOG names, a JSON object a line.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { constants } from 'node:os';
import { resolve } from 'node:path';

const USAGE = { input_tokens: 1, output_tokens: 1 };

/** What the model says: blocks of its answer. */
function answerTo(messages) {
  const prompt = textOf(messages.findLast(({ role }) => role === 'user')?.content ?? '');
  const id = `toolu_${Date.now()}`;
  const [, written, content] = /^write (\S+) (.*)$/m.exec(prompt) ?? [];
  if (written !== undefined) {
    return [{ type: 'tool_use', id, name: 'Write', input: { file_path: resolve(written), content } }];
  }
  const [, read] = /^read (\S+)$/m.exec(prompt) ?? [];
  if (read !== undefined) return [{ type: 'tool_use', id, name: 'Read', input: { file_path: resolve(read) } }];
  const text = JSON.stringify(messages).includes('ZEBRA') ? 'The word is ZEBRA.' : 'There is no word.';
  const [, thinking] = /^think (.*)$/m.exec(prompt) ?? [];
  const thought = thinking === undefined ? [] : [{ type: 'thinking', thinking, signature: 'c2lnbmF0dXJl' }];
  return [...thought, { type: 'text', text }];
}

/** The text of a message, without what Claude Code adds to it; empty if it is the result of a tool. */
function textOf(content) {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  if (blocks.some(({ type }) => type === 'tool_result')) return '';
  const text = blocks.map((block) => block.text ?? '').join('\n');
  return text.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '');
}

/** The events that stream a block of an answer. */
function eventsOf(block, index) {
  const [empty, ...deltas] = {
    text: () => [
      { ...block, text: '' },
      { type: 'text_delta', text: block.text },
    ],
    thinking: () => [
      { ...block, thinking: '', signature: '' },
      { type: 'thinking_delta', thinking: block.thinking },
      { type: 'signature_delta', signature: block.signature },
    ],
    tool_use: () => [
      { ...block, input: {} },
      { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
    ],
  }[block.type]();
  return [
    { type: 'content_block_start', index, content_block: empty },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

const api = createServer(async (request, response) => {
  let raw = '';
  for await (const chunk of request) raw += chunk;
  if (request.method === 'HEAD') return response.end();
  if (!request.url.startsWith('/v1/messages')) return response.writeHead(404).end('{}');
  if (request.url.includes('count_tokens')) return response.end('{"input_tokens":100}');

  const { model, system, messages = [], stream } = JSON.parse(raw);
  const log = process.env.CCLINK_TEST_API_LOG;
  if (log) appendFileSync(log, `${JSON.stringify({ system, messages })}\n`);
  const content = answerTo(messages);
  const stop_reason = content.at(-1).type === 'tool_use' ? 'tool_use' : 'end_turn';
  const message = {
    id: `msg_${Date.now()}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: USAGE,
  };
  if (!stream) return response.end(JSON.stringify({ ...message, content, stop_reason }));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const events = [
    { type: 'message_start', message },
    ...content.flatMap(eventsOf),
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: USAGE },
    { type: 'message_stop' },
  ];
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}).listen(0, '127.0.0.1');
await once(api, 'listening');

const [program, ...args] = process.argv.slice(2);
const claude = spawn(program, args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${api.address().port}`,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  },
});
// Ctrl-C is for claude, which hears of it from the terminal; it must not outlive us by any other signal.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => claude.kill(signal));
claude.on('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
claude.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
