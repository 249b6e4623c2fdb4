// A stand-in for the model's Messages API that the real Claude Code can talk to: node claude-api.mjs PORT
// It answers with the word ZEBRA if that is anywhere in the conversation, and says so if not.
import { createServer } from 'node:http';

createServer(async (request, response) => {
  let raw = '';
  for await (const chunk of request) raw += chunk;
  if (request.method === 'HEAD') return response.end();
  if (!request.url.startsWith('/v1/messages')) return response.writeHead(404).end('{}');
  if (request.url.includes('count_tokens')) return response.end('{"input_tokens":100}');

  const { model, messages = [], stream } = JSON.parse(raw);
  const text = JSON.stringify(messages).includes('ZEBRA') ? 'The word is ZEBRA.' : 'There is no word.';
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
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
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage },
    { type: 'message_stop' },
  ];
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}).listen(Number(process.argv[2]), '127.0.0.1');
