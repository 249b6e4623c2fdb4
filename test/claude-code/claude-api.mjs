// Runs the real Claude Code with a stand-in for the model's Messages API, and ends with its exit code:
//   node claude-api.mjs CLAUDE ARGUMENTS...
// The model answers with the word ZEBRA if that is anywhere in the conversation, and says so if not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { constants } from 'node:os';

const USAGE = { input_tokens: 1, output_tokens: 1 };

const api = createServer(async (request, response) => {
  let raw = '';
  for await (const chunk of request) raw += chunk;
  if (request.method === 'HEAD') return response.end();
  if (!request.url.startsWith('/v1/messages')) return response.writeHead(404).end('{}');
  if (request.url.includes('count_tokens')) return response.end('{"input_tokens":100}');

  const { model, messages = [], stream } = JSON.parse(raw);
  const text = JSON.stringify(messages).includes('ZEBRA') ? 'The word is ZEBRA.' : 'There is no word.';
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: USAGE,
  };
  if (!stream) {
    const content = [{ type: 'text', text }];
    return response.end(JSON.stringify({ ...message, content, stop_reason: 'end_turn' }));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const events = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: USAGE },
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
