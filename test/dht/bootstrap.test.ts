import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { getEventListeners } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Bootstrap, DEFAULT_BOOTSTRAP, parseBootstrap, resolveBootstrap } from '../../src/dht/bootstrap.ts';
import { noAddress } from '../../src/dht/network-failure.ts';
import { Failure } from '../../src/failure.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const onUnix = test.runIf(process.platform !== 'win32');
const servers: Socket[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

type Answers = Readonly<Record<string, readonly string[]>>;

/**
 * A name server on loopback that gives `answers` and says NXDOMAIN to other names, after a delay; null: it is
 * silent.
 */
async function nameServer(answers: Answers | null, delayMs = 0): Promise<string[]> {
  const server = createSocket('udp4');
  servers.push(server);
  server.on('message', async (message, from) => {
    const response = answers === null ? null : responseTo(message, answers);
    if (delayMs > 0) await sleep(delayMs);
    if (response !== null && servers.includes(server)) server.send(response, from.port);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  return [`127.0.0.1:${server.address().port}`];
}

/** Null for a datagram that is no query. */
function responseTo(message: Uint8Array, answers: Answers): Uint8Array | null {
  try {
    const { id = 0, questions = [] } = decode(Buffer.from(message));
    const name = questions[0]?.name ?? '';
    const addresses = answers[name];
    const found = (addresses ?? []).map((data): Answer => ({ type: 'A', name, ttl: 60, data }));
    return encode({ type: 'response', id, flags: addresses === undefined ? 3 : 0, questions, answers: found });
  } catch {
    return null;
  }
}

/** Answers that lead every public bootstrap node's name to these addresses. */
const leading = (...addresses: string[]): Answers =>
  Object.fromEntries(DEFAULT_BOOTSTRAP.map(({ host }) => [host, addresses]));
const PUBLIC_NAMES = DEFAULT_BOOTSTRAP.map(({ host }) => host);

/** Blocks the system's look-up: it needs a thread of Node's pool, and all of them now wait at a pipe. */
function holdSystemLookUp(): () => Promise<void> {
  const pipe = join(temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  const readers = Array.from({ length: threads }, () => open(pipe));
  return async () => {
    const writer = openSync(pipe, constants.O_RDWR);
    for (const reader of await Promise.all(readers)) await reader.close();
    closeSync(writer);
  };
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
    const bootstrap = resolveBootstrap(nodes, never, await nameServer({ 'here.invalid': ['10.0.0.7'] }));
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

  onUnix('gives a slow name server and the system 1.5 s together', async () => {
    // Asked again after 0.5 s, it says no after 1.4 s.
    const slow = await nameServer({}, 900);
    onTestFinished(holdSystemLookUp());
    const began = performance.now();
    const bootstrap = resolveBootstrap(parseBootstrap('a.invalid:1'), never, slow);
    await bootstrap.done;
    expect(bootstrap.unresolved).toEqual(['a.invalid']);
    expect(performance.now() - began).toBeLessThan(1900);
  });

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.7',
    '127.0.0.1',
    '169.254.1.1',
    '172.16.0.1',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
  ])('does not take %s for a public bootstrap node', async (address) => {
    const bootstrap = resolveBootstrap(DEFAULT_BOOTSTRAP, never, await nameServer(leading(address)));
    await bootstrap.done;
    expect(bootstrap.addresses).toEqual([]);
    expect([...bootstrap.unresolved].sort()).toEqual([...PUBLIC_NAMES].sort());
    // They would start no walk, and the failure says where they lead.
    const { message, hint } = noAddress(bootstrap);
    expect(message).toBe(`The names of the bootstrap nodes lead to ${address}, where no node of the network can be.`);
    expect(hint).toMatch(/filter.*sign in/);
  });

  test('takes no IPv6 address, as of a filter that answers with ::, and says where the name leads', async () => {
    const bootstrap = resolveBootstrap(parseBootstrap('ip6-localhost:1'), never, await nameServer({}));
    await bootstrap.done;
    expect(bootstrap.addresses.filter(({ host }) => host.includes(':'))).toEqual([]);
    const { message } = noAddress({ ...bootstrap, misleading: ['::', '::', '0.0.0.0', '::1', '10.0.0.1', '10.0.0.2'] });
    expect(message).toContain('lead to ::, 0.0.0.0, ::1, 10.0.0.1, where');
  });

  test('takes the public addresses of a public bootstrap node, 4 at most', async () => {
    const publicOnes = ['1.0.0.1', '11.0.0.1', '172.32.0.1', '223.255.255.254'];
    const answers = leading('0.0.0.0', '127.0.0.1', ...publicOnes, '192.0.2.1', '10.0.0.7');
    const bootstrap = resolveBootstrap(DEFAULT_BOOTSTRAP, never, await nameServer(answers));
    const found = collected(bootstrap);
    await bootstrap.done;
    expect(found.sort()).toEqual(
      DEFAULT_BOOTSTRAP.flatMap(({ port }) => publicOnes.map((host) => `${host}:${port}`)).sort(),
    );
    expect(bootstrap.unresolved).toEqual([]);
  });

  test('takes a local address for the same names where the user set them', async () => {
    const nodes = parseBootstrap(DEFAULT_BOOTSTRAP.map(({ host, port }) => `${host}:${port}`).join());
    const bootstrap = resolveBootstrap(nodes, never, await nameServer(leading('127.0.0.1')));
    await bootstrap.done;
    expect(bootstrap.addresses).toHaveLength(nodes.length);
    expect(bootstrap.unresolved).toEqual([]);
  });

  test('listens but once to what cancels it, however many names there are, and no longer when it is done', async () => {
    const { signal } = new AbortController();
    const names = Array.from({ length: 30 }, (_, i) => `n${i}.example`);
    const nodes = names.map((host) => ({ host, port: 1 }));
    const answers = Object.fromEntries(names.map((name) => [name, ['10.0.0.7']]));
    const bootstrap = resolveBootstrap(nodes, signal, await nameServer(answers));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await bootstrap.done;
    expect(bootstrap.addresses).toHaveLength(names.length);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
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
