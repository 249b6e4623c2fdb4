import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownNodes } from '../../src/dht/known-nodes.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import { idFor } from '../support/public-node-id.ts';
import { byDistance } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const onUnix = process.platform !== 'win32';
const BOOTSTRAP = [
  { host: 'router.example.org', port: 6881 },
  { host: '127.0.0.1', port: 20001 },
];
const HEADER = 'bootstrap router.example.org:6881 127.0.0.1:20001';

const hash = (text: string) => createHash('sha1').update(text).digest();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fileIn = (folder: string) => join(folder, 'nodes.txt');
const read = (folder: string) => KnownNodes.read(folder, BOOTSTRAP);
const addresses = (nodes: readonly NodeAddress[]) => nodes.map(({ host, port }) => `${host}:${port}`);
const partOf = ({ id }: NodeAddress) => (id[0] ?? 0) >> 3;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const TARGET = hash('target');

/** A node anywhere in the id space. */
const node = (n: number): NodeAddress => ({ id: hash(`node ${n}`), host: `10.0.${n >> 8}.${n & 255}`, port: 1000 + n });

/** Nodes closer to a target than any others, the closest first. */
const nodesNear = (target: Uint8Array, from: number, count: number): NodeAddress[] =>
  range(0, count).map((i) => {
    const id = Uint8Array.from(target);
    id[19] = (id[19] ?? 0) ^ i;
    return { ...node(from + i), id };
  });

/** A folder in which the nodes of one walk to TARGET are saved. */
function folderWith(nodes: readonly NodeAddress[]): string {
  const folder = temporaryFolder();
  const known = read(folder);
  known.learn(TARGET, nodes, []);
  known.save();
  return folder;
}

/** The content of the file, parsed. */
function contentOf(folder: string): { targets: string[]; nodes: NodeAddress[] } {
  const lines = readFileSync(fileIn(folder), 'utf8').split('\n');
  const fields = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ').slice(1));
  return {
    targets: fields('target').map(([target = '']) => target),
    nodes: fields('node').map(([id = '', address = '']) => {
      const [host = '', port] = address.split(':');
      return { id: Buffer.from(id, 'hex'), host, port: Number(port) };
    }),
  };
}

describe('the nodes of earlier walks', () => {
  it('begin the next one: the 16 closest, the closest first, then one from each part of the id space', () => {
    const near = nodesNear(TARGET, 1000, 16);
    const starts = read(folderWith([...near, ...range(0, 300).map(node)])).startsFor(TARGET);
    const ids = (nodes: readonly NodeAddress[]) => nodes.map(({ id }) => hex(id));
    expect(addresses(starts.slice(0, 16))).toEqual(addresses(near));
    expect(ids(starts.slice(0, 16))).toEqual(ids(near));
    expect(new Set(starts.slice(16).map(partOf))).toEqual(new Set(range(0, 32)));
    expect(starts).toHaveLength(48);
  });

  it('begin a walk to another target, too', () => {
    const folder = folderWith(range(0, 300).map(node));
    const other = hash('another target');
    const closest = byDistance(contentOf(folder).nodes, other).slice(0, 16);
    expect(addresses(read(folder).startsFor(other).slice(0, 16))).toEqual(addresses(closest));
  });

  it('are none where there were none', () => {
    expect(read(temporaryFolder()).startsFor(TARGET)).toEqual([]);
  });

  it('are kept for the last 8 targets, whatever was met on the way to others', () => {
    const folder = temporaryFolder();
    const walk = (n: number) => {
      const target = hash(`target ${n}`);
      const known = read(folder);
      const onTheWay = byDistance(range(1000 * n + 100, 1000 * n + 300).map(node), target);
      known.learn(target, [...nodesNear(target, 1000 * n, 16), ...onTheWay], []);
      known.save();
    };
    const near = (n: number) => addresses(nodesNear(hash(`target ${n}`), 1000 * n, 16));
    const starts = (n: number) => addresses(read(folder).startsFor(hash(`target ${n}`))).slice(0, 16);
    for (const n of range(1, 9)) walk(n);
    for (const n of range(1, 9)) expect(starts(n)).toEqual(near(n));
    walk(1);
    walk(9); // now 2 has been unused for the longest time
    for (const n of [1, 3, 4, 5, 6, 7, 8, 9]) expect(starts(n)).toEqual(near(n));
    expect(starts(2)).not.toEqual(near(2));
    expect(contentOf(folder).targets).toEqual([3, 4, 5, 6, 7, 8, 1, 9].map((n) => hex(hash(`target ${n}`))));
  });

  it('are near a target only after all those whose id fits their address, two a /24, as in a walk', () => {
    const honest = range(0, 40).map((n) => {
      const host = `11.0.${n >> 1}.${n + 1}`;
      return { id: idFor(host, `${n}`), host, port: 6881 };
    });
    const rented = range(0, 40).map((n) => ({ id: idFor(`11.1.1.${n}`, `${n}`), host: `11.1.1.${n}`, port: 6881 }));
    const target = honest[0]?.id ?? TARGET;
    const folder = folderWith(honest);
    for (const ids of [nodesNear(target, 0, 30), rented]) {
      const crowd = ids.map(({ id, port }, n) => ({ id, port, host: `11.1.1.${n}` }));
      const known = read(folder);
      known.learn(target, [...crowd, ...honest], []);
      known.save();
      const near = read(folder).startsFor(target).slice(0, 16);
      expect(near.filter(({ host }) => host.startsWith('11.1.1.')).length).toBeLessThanOrEqual(2);
      expect(addresses(near)).toContain(addresses(honest)[0]);
    }
  });

  it('make room for newer ones in their part of the id space', () => {
    const inOnePart = range(0, 2000)
      .map(node)
      .filter((each) => partOf(each) === 5);
    const [old, fresh] = [inOnePart.slice(0, 4), inOnePart.slice(4, 7)];
    // As many near nodes as are kept, so that the others are all in the spread part.
    const near = nodesNear(TARGET, 5000, 16);
    expect(near.map(partOf)).not.toContain(5);
    const folder = folderWith([...near, ...old]);
    const known = read(folder);
    known.learn(TARGET, [...near, ...fresh], []);
    known.save();
    const kept = contentOf(folder).nodes.filter((each) => partOf(each) === 5);
    expect(addresses(kept)).toEqual(addresses([...old.slice(3), ...fresh]));
  });

  it('have one entry an address, with the newest id', () => {
    const folder = folderWith([node(1), node(2)]);
    const known = read(folder);
    known.learn(TARGET, [{ ...node(1), id: hash('another id') }], []);
    known.save();
    const { nodes } = contentOf(folder);
    expect(addresses(nodes)).toEqual(addresses([node(2), node(1)]));
    expect(nodes.map(({ id }) => hex(id))).toEqual([hex(node(2).id), hex(hash('another id'))]);
  });

  it('are not those of another list of bootstrap nodes', () => {
    const folder = folderWith(range(0, 20).map(node));
    for (const other of [[], BOOTSTRAP.slice(1), [...BOOTSTRAP, { host: '127.0.0.1', port: 20002 }]]) {
      expect(KnownNodes.read(folder, other).startsFor(TARGET)).toEqual([]);
    }
    const elsewhere = [{ host: '127.0.0.1', port: 20001 }];
    const known = KnownNodes.read(folder, elsewhere);
    known.learn(TARGET, [node(99)], []);
    known.save();
    expect(addresses(KnownNodes.read(folder, elsewhere).startsFor(TARGET))).toEqual(addresses([node(99)]));
    expect(read(folder).startsFor(TARGET)).toEqual([]);
  });
});

describe('nodes that were silent', () => {
  const before = range(0, 20).map(node);
  const silent = before.slice(0, 10);

  it('are dropped where 8 others answered', () => {
    const folder = folderWith(before);
    const known = read(folder);
    known.learn(TARGET, before.slice(10, 18), silent);
    known.save();
    expect(new Set(addresses(contentOf(folder).nodes))).toEqual(new Set(addresses(before.slice(10))));
  });

  it.each([0, 7])('are kept where %i answered: it may have been this machine that was offline', (answers) => {
    const folder = folderWith(before);
    const known = read(folder);
    known.learn(TARGET, before.slice(10, 10 + answers), silent);
    known.save();
    expect(new Set(addresses(contentOf(folder).nodes))).toEqual(new Set(addresses(before)));
  });

  it('are known as such in the next run, until they answer', () => {
    const folder = folderWith(before);
    const known = read(folder);
    known.learn(TARGET, before.slice(10, 18), silent);
    known.save();
    const next = read(folder);
    expect(silent.every((address) => next.wasSilent(address))).toBe(true);
    expect(before.slice(10).some((address) => next.wasSilent(address))).toBe(false);
    next.learn(TARGET, before.slice(0, 1), []);
    next.save();
    expect(before.slice(0, 3).map((address) => read(folder).wasSilent(address))).toEqual([false, true, true]);
  });

  it.each([
    ['nine minutes ago', -540, true],
    ['eleven minutes ago', -660, false],
    ['in the next hour, by another clock', 3600, false],
  ])('%s', (_, seconds, isSilent) => {
    const folder = temporaryFolder();
    const at = Math.floor(Date.now() / 1000) + seconds;
    writeFileSync(fileIn(folder), `${HEADER}\nsilent ${at} 10.1.2.3:6881\n`);
    expect(read(folder).wasSilent({ host: '10.1.2.3', port: 6881 })).toBe(isSilent);
  });

  it('are the last 64 at the most', () => {
    const folder = folderWith(before);
    const known = read(folder);
    known.learn(TARGET, before.slice(10, 18), range(100, 200).map(node));
    known.save();
    const kept = range(100, 200).filter((n) => read(folder).wasSilent(node(n)));
    expect(kept).toEqual(range(136, 200));
  });

  it('leave the file as it is where nobody answered', () => {
    const folder = folderWith(before);
    const content = readFileSync(fileIn(folder), 'utf8');
    const known = read(folder);
    known.learn(hash('another target'), [], before);
    known.save();
    expect(readFileSync(fileIn(folder), 'utf8')).toBe(content);
  });
});

describe('a file of known nodes', () => {
  const GOOD = `node ${hex(hash('good'))} 10.1.2.3:6881`;

  it('is lines that a person can read', () => {
    const folder = folderWith([{ id: hash('good'), host: '10.1.2.3', port: 6881 }]);
    expect(readFileSync(fileIn(folder), 'utf8')).toBe(`${HEADER}\ntarget ${hex(TARGET)}\n${GOOD}\n`);
  });

  it.each([
    ['a short id', `node ${'a'.repeat(38)} 10.1.2.3:1`],
    ['a long id', `node ${'a'.repeat(42)} 10.1.2.3:1`],
    ['an id that is not hexadecimal', `node ${'g'.repeat(40)} 10.1.2.3:1`],
    ['port 0', `node ${'a'.repeat(40)} 10.1.2.3:0`],
    ['port 65536', `node ${'a'.repeat(40)} 10.1.2.3:65536`],
    ['no port', `node ${'a'.repeat(40)} 10.1.2.3`],
    ['a name', `node ${'a'.repeat(40)} localhost:1`],
    ['an octet above 255', `node ${'a'.repeat(40)} 10.1.2.256:1`],
    ['an octet too few', `node ${'a'.repeat(40)} 10.1.2:1`],
    ['an octet too many', `node ${'a'.repeat(40)} 10.1.2.3.4:1`],
    ['an empty octet', `node ${'a'.repeat(40)} 10..2.3:1`],
    ['an octet with a leading zero', `node ${'a'.repeat(40)} 10.01.2.3:1`],
    ['“this network”', `node ${'a'.repeat(40)} 0.1.2.3:1`],
    ['multicast', `node ${'a'.repeat(40)} 224.1.2.3:1`],
    ['broadcast', `node ${'a'.repeat(40)} 255.255.255.255:1`],
    ['something behind the port', `node ${'a'.repeat(40)} 10.1.2.3:1 x`],
    ['another word', `know ${'a'.repeat(40)} 10.1.2.3:1`],
    ['half a line', `node ${'a'.repeat(20)}`],
    ['nothing', ''],
    ['zeros, as after a power cut', '\0'.repeat(100)],
  ])('is read without a line that has %s', (_, line) => {
    const folder = temporaryFolder();
    writeFileSync(fileIn(folder), `${HEADER}\n${line}\n${GOOD}\n`);
    expect(addresses(read(folder).startsFor(TARGET))).toEqual(['10.1.2.3:6881']);
  });

  it.each([
    ['empty', ''],
    ['without its first line', `${GOOD}\n`],
    ['with another first line', `bootstrap router.example.org:6881\n${GOOD}\n`],
    ['with something above the first line', `\n${HEADER}\n${GOOD}\n`],
    ['longer than 64 KiB', `${HEADER}\n${GOOD}\n${' '.repeat(65_537 - HEADER.length - GOOD.length - 2)}`],
  ])('that is %s counts as empty', (_, content) => {
    const folder = temporaryFolder();
    writeFileSync(fileIn(folder), content);
    expect(read(folder).startsFor(TARGET)).toEqual([]);
  });

  it('is read up to 64 KiB', () => {
    const folder = temporaryFolder();
    writeFileSync(fileIn(folder), `${HEADER}\n${GOOD}\n${' '.repeat(65_536 - HEADER.length - GOOD.length - 2)}`);
    expect(addresses(read(folder).startsFor(TARGET))).toEqual(['10.1.2.3:6881']);
  });

  it('counts as empty where a folder stands in its place, and stays without', () => {
    const folder = temporaryFolder();
    mkdirSync(fileIn(folder));
    const known = read(folder);
    expect(known.startsFor(TARGET)).toEqual([]);
    known.learn(TARGET, [node(1)], []);
    known.save();
    expect(readdirSync(folder)).toEqual(['nodes.txt']);
  });

  it.runIf(onUnix)('is not read through a symbolic link, and replaces it, not the file that it points to', () => {
    const folder = folderWith([node(1)]);
    renameSync(fileIn(folder), join(folder, 'elsewhere'));
    symlinkSync('elsewhere', fileIn(folder));
    const content = readFileSync(join(folder, 'elsewhere'), 'utf8');
    const known = read(folder);
    expect(known.startsFor(TARGET)).toEqual([]);
    expect(readlinkSync(fileIn(folder))).toBe('elsewhere');
    known.learn(TARGET, [node(2)], []);
    known.save();
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe(content);
    expect(addresses(contentOf(folder).nodes)).toEqual(addresses([node(2)]));
  });

  it.runIf(onUnix)('is not waited for where a named pipe stands in its place', () => {
    const folder = temporaryFolder();
    execFileSync('mkfifo', [fileIn(folder)]);
    // If we do wait, this frees us after 2 s: opening a pipe both ways never blocks.
    const rescue = spawn('sh', ['-c', 'sleep 2; : <> "$0"', fileIn(folder)], { stdio: 'ignore' });
    const began = performance.now();
    expect(read(folder).startsFor(TARGET)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(1000);
    rescue.kill();
  });

  it('never throws, whatever is in it, and leads to nothing but addresses that may be asked', () => {
    const folder = temporaryFolder();
    const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 39, maxLength: 41 });
    const address = fc.tuple(
      fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((octets) => octets.join('.')),
      fc.nat(70_000),
    );
    const line = fc.oneof(
      bytes.map((each) => each.toString('latin1')),
      digits.map((target) => `target ${target}`),
      fc.tuple(digits, address).map(([id, [host, port]]) => `node ${id} ${host}:${port}`),
      fc.constant(GOOD),
    );
    const lines = fc.array(line).map((each) => Buffer.from([HEADER, ...each].join('\n'), 'latin1'));
    fc.assert(
      fc.property(fc.oneof(bytes, lines), fc.uint8Array({ minLength: 20, maxLength: 20 }), (content, target) => {
        writeFileSync(fileIn(folder), content);
        for (const { id, host, port } of read(folder).startsFor(target)) {
          expect(id).toHaveLength(20);
          expect(host).toMatch(/^([1-9]|[1-9]\d|1\d\d|2[01]\d|22[0-3])(\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}$/);
          expect(port).toBeGreaterThan(0);
          expect(port).toBeLessThan(65_536);
        }
      }),
    );
  });

  it('stays within its bounds, whatever is learnt', () => {
    const target = fc.nat(20).map((n) => hash(`target ${n}`));
    // Half of the ids crowd in one part of the id space.
    const learnt = fc.record({
      id: fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 20, maxLength: 20 })).map(([crowd, id]) => {
        if (crowd) id[0] = 0;
        return id;
      }),
      host: fc.nat(2000).map((n) => `10.0.${n >> 8}.${n & 255}`),
      port: fc.constantFrom(1, 6881, 65_535),
    });
    const walk = fc.tuple(target, fc.array(learnt, { maxLength: 300, size: 'max' }), fc.array(learnt));
    fc.assert(
      fc.property(fc.array(walk, { minLength: 1, maxLength: 12, size: 'max' }), (walks) => {
        const folder = temporaryFolder();
        for (const [target, nodes, silent] of walks) {
          const known = read(folder);
          known.learn(target, byDistance(nodes, target), silent);
          known.save();
          if (!existsSync(fileIn(folder))) continue;
          const content = contentOf(folder);
          expect(content.targets.length).toBeLessThanOrEqual(8);
          expect(content.nodes.length).toBeLessThanOrEqual(256);
          expect(new Set(addresses(content.nodes)).size).toBe(content.nodes.length);
          const near = new Set(
            content.targets.flatMap((each) => byDistance(content.nodes, Buffer.from(each, 'hex')).slice(0, 16)),
          );
          for (const part of range(0, 32)) {
            const others = content.nodes.filter((each) => partOf(each) === part && !near.has(each));
            expect(others.length).toBeLessThanOrEqual(4);
          }
          const starts = read(folder).startsFor(target);
          expect(starts.length).toBeLessThanOrEqual(48);
          expect(starts.length).toBeGreaterThanOrEqual(Math.min(16, content.nodes.length));
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('saving known nodes', () => {
  it.runIf(onUnix)('makes the folder for this user alone, and so the file', () => {
    const folder = join(temporaryFolder(), 'a', 'b');
    const known = read(folder);
    known.learn(TARGET, [node(1)], []);
    known.save();
    expect(statSync(folder).mode & 0o7777).toBe(0o700);
    expect(statSync(fileIn(folder)).mode & 0o7777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['nodes.txt']);
  });

  it('writes nothing where nothing was learnt', () => {
    const folder = join(temporaryFolder(), 'none');
    const known = read(folder);
    known.save();
    expect(existsSync(folder)).toBe(false);
    known.learn(TARGET, [node(1)], []);
    known.save();
    const { ino } = statSync(fileIn(folder));
    known.save();
    const again = read(folder);
    again.learn(TARGET, [node(1)], []);
    again.save();
    expect(statSync(fileIn(folder)).ino).toBe(ino);
  });

  it.runIf(onUnix)('leaves the old file to whoever is reading it', () => {
    const folder = folderWith([node(1)]);
    const descriptor = openSync(fileIn(folder), 'r');
    const known = read(folder);
    known.learn(TARGET, [node(2)], []);
    known.save();
    expect(readFileSync(descriptor, 'utf8')).toContain(addresses([node(1)])[0]);
    closeSync(descriptor);
    expect(addresses(contentOf(folder).nodes)).toEqual(addresses([node(1), node(2)]));
  });

  it('from two processes at once leaves the file of one of them, and no reader sees half a one', async () => {
    const folder = temporaryFolder();
    // Each save of each process gives the same 128 addresses ids that end in that save's own byte.
    const script = `
      import { KnownNodes } from ${JSON.stringify(import.meta.resolve('../../src/dht/known-nodes.ts'))};
      const [folder, owner] = process.argv.slice(1);
      for (let round = 0; round < 100; round += 1) {
        const known = KnownNodes.read(folder, ${JSON.stringify(BOOTSTRAP)});
        const nodes = Array.from({ length: 128 }, (_, n) => {
          return { id: Uint8Array.of(2 * n, ...Array(18), 2 * round + Number(owner)), host: '10.0.0.' + n, port: 6881 };
        });
        known.learn(new Uint8Array(20), nodes, []);
        known.save();
      }`;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script, folder];
    const children = ['0', '1'].map((owner) =>
      spawn(process.execPath, [...args, owner], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    let running = true;
    const exits = Promise.all(children.map((child) => once(child, 'exit'))).finally(() => {
      running = false;
    });
    const seen = new Set<number | undefined>();
    while (running) {
      await nextTurn();
      if (!existsSync(fileIn(folder))) continue;
      const { nodes } = contentOf(folder);
      expect(nodes).toHaveLength(128);
      const endings = new Set(nodes.map(({ id }) => id[19]));
      expect(endings.size).toBe(1);
      for (const ending of endings) seen.add(ending);
    }
    expect(await exits).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(seen.size).toBeGreaterThan(10);
    expect(readdirSync(folder)).toEqual(['nodes.txt']);
  });

  it('goes without where its folder can not be made', () => {
    const folder = join(temporaryFolder(), 'file');
    writeFileSync(folder, '');
    const known = read(join(folder, 'cclink'));
    known.learn(TARGET, [node(1)], []);
    known.save();
    expect(readFileSync(folder, 'utf8')).toBe('');
  });

  it.runIf(canMount)('leaves the old file where the disk is full or read-only', async () => {
    await withTinyDisk(16, async ({ path: disk, seal }) => {
      const learnMore = () => {
        const known = read(disk);
        known.learn(TARGET, range(0, 300).map(node), []);
        known.save();
        expect(readdirSync(disk).toSorted()).toEqual(['filler', 'nodes.txt']);
        expect(addresses(contentOf(disk).nodes)).toEqual(addresses([node(1)]));
      };
      const known = read(disk);
      known.learn(TARGET, [node(1)], []);
      known.save();
      writeFileSync(join(disk, 'filler'), Buffer.alloc(4096));
      learnMore();
      await seal();
      learnMore();
    });
  });
});
