import { createSocket, type Socket } from 'node:dgram';
import { type Answer, decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bootstrap, parseBootstrap, resolveBootstrap } from '../../src/dht/bootstrap.ts';
import { Failure } from '../../src/failure.ts';

const servers: Socket[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A name server on loopback that gives `answers`, says NXDOMAIN to other names, or is silent (null). */
async function nameServer(answers: Record<string, string> | null): Promise<string[]> {
  const server = createSocket('udp4');
  servers.push(server);
  server.on('message', (message, from) => {
    if (answers === null) return;
    const { id = 0, questions = [] } = decode(message);
    const name = questions[0]?.name ?? '';
    const address = answers[name];
    const found: Answer[] = address === undefined ? [] : [{ type: 'A', name, ttl: 60, data: address }];
    server.send(
      encode({ type: 'response', id, flags: address === undefined ? 3 : 0, questions, answers: found }),
      from.port,
    );
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  return [`127.0.0.1:${server.address().port}`];
}

const never = new AbortController().signal;

function collected(bootstrap: Bootstrap): string[] {
  const found: string[] = [];
  bootstrap.each(({ host, port }) => found.push(`${host}:${port}`));
  return found;
}

describe('parseBootstrap', () => {
  test('reads addresses and names', () => {
    expect(parseBootstrap('127.0.0.1:20001, router.example.org:6881,')).toEqual([
      { host: '127.0.0.1', port: 20001 },
      { host: 'router.example.org', port: 6881 },
    ]);
  });

  test.each(['', ',', 'host', 'host:', ':1', 'host:0', 'host:65536', 'host:1:2', 'a b:1', 'http://a:1', 'host:1x'])(
    'refuses %j as a mistake in usage',
    (text) => {
      expect(() => parseBootstrap(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  test('throws nothing but failures, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          for (const { port } of parseBootstrap(text)) expect(port).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});

describe('resolveBootstrap', () => {
  test('needs no look-up for addresses and localhost', () => {
    const bootstrap = resolveBootstrap(parseBootstrap('10.0.0.1:1,localhost:2'), never);
    expect(collected(bootstrap)).toEqual(['10.0.0.1:1', '127.0.0.1:2']);
  });

  test('looks names up, and says which have no address', async () => {
    const nodes = parseBootstrap('here.invalid:1,missing.invalid:2');
    const bootstrap = resolveBootstrap(nodes, never, await nameServer({ 'here.invalid': '10.0.0.7' }));
    const found = collected(bootstrap);
    await bootstrap.done;
    expect(found).toEqual(['10.0.0.7:1']);
    expect(bootstrap.unresolved).toEqual(['missing.invalid']);
  });

  test('gives a silent name server 1.5 s, during which the addresses serve already', async () => {
    const began = performance.now();
    const bootstrap = resolveBootstrap(
      parseBootstrap('a.invalid:1,10.0.0.1:1,b.invalid:1'),
      never,
      await nameServer(null),
    );
    expect(collected(bootstrap)).toEqual(['10.0.0.1:1']);
    await bootstrap.done;
    expect(bootstrap.unresolved).toEqual(['a.invalid', 'b.invalid']);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('stops at once when it is cancelled', async () => {
    const cancel = new AbortController();
    const bootstrap = resolveBootstrap(parseBootstrap('a.invalid:1'), cancel.signal, await nameServer(null));
    const began = performance.now();
    cancel.abort();
    await bootstrap.done;
    expect(performance.now() - began).toBeLessThan(500);
  });
});
