import { join } from 'node:path';
import { writeCache } from '../files/atomic-write.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import type { HostPort } from './bootstrap.ts';
import { type Address, compactNodes, keyOf, type NodeAddress, parseCompactNodes } from './krpc.ts';
import { compareDistance } from './node-id.ts';
import { byPreference } from './preferred-nodes.ts';

const FILE = 'nodes.txt';
/** A longer file is not ours. */
const MAX_BYTES = 64 * 1024;

/** How many targets have their near nodes kept: those of the last walks. */
const MAX_TARGETS = 8;
/** How many nodes are near a target: twice as many as a walk must hear from. */
const NEAR = 16;
/** How many others are kept in each of 32 equal parts of the id space, and with how many of those a walk begins. */
const KEPT_IN_PART = 4;
const ASKED_IN_PART = 1;
/** For how long a node that was silent is taken for dead, in seconds, and how many such are remembered. */
const SILENT_FOR = 600;
const MAX_SILENT = 64;
/** A client that lives for days drops what is too much before it holds more nodes than this. */
const MAX_HELD = 1024;
/** After so many answers it was not this machine that was offline: whoever was silent is gone. */
const ONLINE = 8;

/**
 * The nodes that answered in earlier walks, to begin with beside the bootstrap nodes, and those that were silent lately: the live
 * ones near a key name them again and again.
 *
 * They are kept in `nodes.txt`, a line each, what is newest last:
 *
 *     bootstrap <host>:<port> …          the bootstrap nodes that led to these nodes; always the first line
 *     target <40 hex digits>             what a walk went to
 *     node <40 hex digits> <IPv4>:<port> its id, and where it listens
 *     silent <Unix time> <IPv4>:<port>   who did not answer in time, and when
 *
 * Of all nodes, the 16 closest to each of the last 8 targets are kept, preferred ones (`byPreference`) before others, and of the
 * rest the 4 newest in each of 32 equal parts of the id space: 256 at the most; and the last 64 silent ones for ten minutes. A file for other bootstrap nodes counts as empty,
 * as theirs may be another network. Lines of any other form are passed over.
 */
export class KnownNodes {
  private readonly folder: string;
  /** The first line. */
  private readonly bootstrap: string;
  /** Hexadecimal, the last one used at the end. */
  private readonly targets = new Set<string>();
  /** By `host:port`, the newest at the end. */
  private readonly nodes = new Map<string, NodeAddress>();
  /** When they were silent, in Unix seconds, by `host:port`, the newest at the end. */
  private readonly silent = new Map<string, number>();
  /** What there is no need to write. */
  private saved: string;

  private constructor(folder: string, bootstrap: readonly HostPort[]) {
    this.folder = folder;
    this.bootstrap = ['bootstrap', ...bootstrap.map(keyOf)].join(' ');
    const [first, ...lines] = readText(join(folder, FILE)).split('\n');
    if (first === this.bootstrap) this.take(lines);
    this.saved = this.text();
  }

  /** Reads the nodes that are kept in a folder for a list of bootstrap nodes. Never throws: without a file of that kind there are none. */
  static read(folder: string, bootstrap: readonly HostPort[]): KnownNodes {
    return new KnownNodes(folder, bootstrap);
  }

  /** The nodes to begin a walk to `target` (20 bytes) with: 16 close to it and others from all over, 48 at the most. */
  startsFor(target: Uint8Array): NodeAddress[] {
    return select([...this.nodes.values()], [target], ASKED_IN_PART);
  }

  /** True if a node was asked in the last ten minutes and did not answer. */
  wasSilent(address: Address): boolean {
    const at = this.silent.get(keyOf(address));
    return at !== undefined && Math.abs(unixNow() - at) < SILENT_FOR;
  }

  /**
   * Takes in a walk to `target` (20 bytes): the nodes that answered, and those that were silent for longer than a node may be.
   *
   * The silent ones are dropped, and remembered as such, only where at least 8 answered, as everybody is silent to a machine that is offline.
   */
  learn(target: Uint8Array, answered: readonly NodeAddress[], silent: readonly Address[]): void {
    if (answered.length === 0) return;
    if (answered.length >= ONLINE) {
      for (const address of silent) {
        this.nodes.delete(keyOf(address));
        this.addSilent(keyOf(address), unixNow());
      }
    }
    this.addTarget(Buffer.from(target).toString('hex'));
    for (const node of answered) this.addNode(node);
    if (this.nodes.size + this.silent.size > MAX_HELD) this.drop();
  }

  /** Writes the file (0600) whole or not at all, if there is anything new. Never throws: it goes without where the disk declines. */
  save(): void {
    this.drop();
    const text = this.text();
    if (text === this.saved) return;
    try {
      makePrivateFolder(this.folder);
      writeCache(join(this.folder, FILE), Buffer.from(text));
      this.saved = text;
    } catch {
      // Full, read-only, not ours: the next walk begins at the bootstrap nodes, and nothing else is lost.
    }
  }

  private take(lines: readonly string[]): void {
    for (const line of lines) {
      const node = parseNode(line);
      const [, target] = /^target ([0-9a-f]{40})$/.exec(line) ?? [];
      const [, at, address] = /^silent ([0-9]{1,12}) ([0-9.]{7,15}:[0-9]{1,5})$/.exec(line) ?? [];
      if (node !== null) this.addNode(node);
      if (address !== undefined) this.addSilent(address, Number(at));
      if (target !== undefined) this.addTarget(target);
    }
  }

  private addTarget(target: string): void {
    this.targets.delete(target);
    this.targets.add(target);
    for (const oldest of [...this.targets].slice(0, -MAX_TARGETS)) this.targets.delete(oldest);
  }

  private addNode({ id, host, port }: NodeAddress): void {
    const key = keyOf({ host, port });
    this.nodes.delete(key);
    this.nodes.set(key, { id, host, port });
    this.silent.delete(key);
  }

  private addSilent(key: string, at: number): void {
    this.silent.delete(key);
    this.silent.set(key, at);
  }

  /** Drops what is too much. Not with each `learn`, after which a packet may be waiting to be put: it takes some milliseconds. */
  private drop(): void {
    const targets = [...this.targets].map((target) => Buffer.from(target, 'hex'));
    const kept = new Set(select([...this.nodes.values()], targets, KEPT_IN_PART));
    for (const [key, node] of this.nodes) if (!kept.has(node)) this.nodes.delete(key);
    for (const key of [...this.silent.keys()].slice(0, -MAX_SILENT)) this.silent.delete(key);
  }

  private text(): string {
    const targets = [...this.targets].map((target) => `target ${target}`);
    const silent = [...this.silent].map(([key, at]) => `silent ${at} ${key}`);
    return `${[this.bootstrap, ...targets, ...[...this.nodes.values()].map(lineOf), ...silent].join('\n')}\n`;
  }
}

const unixNow = () => Math.floor(Date.now() / 1000);

function readText(path: string): string {
  const bytes = withRegularFile(path, (file) => readAt(file, 0, MAX_BYTES + 1));
  return bytes === null || bytes.length > MAX_BYTES ? '' : bytes.toString();
}

const lineOf = (node: NodeAddress) => `node ${Buffer.from(node.id).toString('hex')} ${keyOf(node)}`;

/** Null unless the line is, to the letter, how a node that may be asked is written. */
function parseNode(line: string): NodeAddress | null {
  const [, id, host, port] = /^node ([0-9a-f]{40}) ([0-9.]{7,15}):([0-9]{1,5})$/.exec(line) ?? [];
  if (id === undefined || host === undefined) return null;
  const compact = compactNodes([{ id: Buffer.from(id, 'hex'), host, port: Number(port) }]);
  const [node] = parseCompactNodes(compact) ?? [];
  return node !== undefined && lineOf(node) === line ? node : null;
}

/** The nodes near each target, then of the others the newest in each part of the id space. */
function select(nodes: readonly NodeAddress[], targets: readonly Uint8Array[], inPart: number): NodeAddress[] {
  const near = new Set(targets.flatMap((target) => closest(nodes, target)));
  const others = nodes.filter((node) => !near.has(node));
  return [...near, ...spread(others, inPart)];
}

/** The closest, those that a walk prefers before all others: nobody fills these places by choosing ids. */
function closest(nodes: readonly NodeAddress[], target: Uint8Array): NodeAddress[] {
  const closestFirst = nodes.toSorted((a, b) => compareDistance(a.id, b.id, target));
  const { preferred, others, crowd } = byPreference(closestFirst, () => true);
  return [...preferred, ...others, ...crowd].slice(0, NEAR);
}

/** The newest `inPart` nodes in each of 32 equal parts of the id space. */
function spread(nodes: readonly NodeAddress[], inPart: number): NodeAddress[] {
  const counts = new Map<number, number>();
  return nodes.toReversed().filter(({ id: [first = 0] }) => {
    const part = first >> 3;
    const count = (counts.get(part) ?? 0) + 1;
    counts.set(part, count);
    return count <= inPart;
  });
}
