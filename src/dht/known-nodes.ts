import { join } from 'node:path';
import { writeCache } from '../files/atomic-write.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import type { HostPort } from './bootstrap.ts';
import { type Address, compactNodes, keyOf, type NodeAddress, parseCompactNodes } from './krpc.ts';
import { compareDistance } from './node-id.ts';
import { groupByPreference } from './preferred-nodes.ts';

const FILE = 'nodes.txt';
/** A longer file is not ours. */
const MAX_BYTES = 64 * 1024;

/** For how many targets, those of the latest walks, the nearby nodes are kept. */
const MAX_TARGETS = 8;
/** How many nodes count as near a target: twice as many as must reply to a walk. */
const NEAR = 16;
/**
 * How many other nodes are kept in each of 32 equal parts of the id space, and how many of them a walk starts
 * from.
 */
const KEPT_IN_PART = 4;
const ASKED_IN_PART = 1;
/** For how long a silent node is taken for dead, and how many such nodes are remembered. */
const SILENT_FOR_SECONDS = 600;
const MAX_SILENT = 64;
/** A client that lives for days discards surplus nodes whenever it holds more than this. */
const MAX_HELD = 1024;
/** With this many answers, this machine must have been online, so nodes that were silent are gone. */
const ANSWERS_WHEN_ONLINE = 8;

/**
 * The nodes that answered in earlier walks, to start from beside the bootstrap nodes, and those that were
 * silent lately, because live nodes near a key keep naming them.
 *
 * They are kept in `nodes.txt`, one per line, newest last:
 *
 *     bootstrap <host>:<port> …          the bootstrap nodes that led to these nodes; always the first line
 *     target <40 hex digits>             the target of a walk
 *     node <40 hex digits> <IPv4>:<port> a node's id and address
 *     silent <Unix time> <IPv4>:<port>   a node that did not answer in time, and when (seconds)
 *
 * Kept are the 16 nodes closest to each of the last 8 targets (preferred ones first, see
 * `groupByPreference`), of the rest the 4 newest in each of 32 equal parts of the id space (256 nodes at most
 * in all), and the last 64 silent ones, which count for ten minutes. A file for other bootstrap nodes counts
 * as empty, because they may belong to another network. Malformed lines are skipped.
 */
export class KnownNodes {
  private readonly folder: string;
  /** The first line of the file. */
  private readonly bootstrap: string;
  /** In hexadecimal, the most recently used last. */
  private readonly targets = new Set<string>();
  /** By `host:port`, newest last. */
  private readonly nodes = new Map<string, NodeAddress>();
  /** When each was silent, in Unix seconds, by `host:port`, newest last. */
  private readonly silent = new Map<string, number>();
  /** The content as last read or written: no need to write it again. */
  private saved: string;

  private constructor(folder: string, bootstrap: readonly HostPort[]) {
    this.folder = folder;
    this.bootstrap = ['bootstrap', ...bootstrap.map(keyOf)].join(' ');
    const [first, ...lines] = readText(join(folder, FILE)).split('\n');
    if (first === this.bootstrap) this.load(lines);
    this.saved = this.text();
  }

  /** Reads the nodes kept for these bootstrap nodes. Never throws: without a usable file there are none. */
  static read(folder: string, bootstrap: readonly HostPort[]): KnownNodes {
    return new KnownNodes(folder, bootstrap);
  }

  /**
   * Where to start a walk to `target` (20 bytes): 16 nodes close to it and 32 or fewer from the whole id
   * space.
   */
  startsFor(target: Uint8Array): NodeAddress[] {
    return select([...this.nodes.values()], [target], ASKED_IN_PART);
  }

  /** True if the node did not answer when asked, within the last ten minutes. */
  wasSilent(address: Address): boolean {
    const atSeconds = this.silent.get(keyOf(address));
    return atSeconds !== undefined && Math.abs(nowSeconds() - atSeconds) < SILENT_FOR_SECONDS;
  }

  /**
   * Records a walk to `target` (20 bytes): the nodes that answered, and those that stayed silent past their
   * limit.
   *
   * Silent nodes are dropped, and remembered as silent, only if at least 8 nodes answered: to a machine that
   * is offline every node is silent.
   */
  learn(target: Uint8Array, answered: readonly NodeAddress[], silent: readonly Address[]): void {
    if (answered.length === 0) return;
    if (answered.length >= ANSWERS_WHEN_ONLINE) {
      for (const address of silent) {
        this.nodes.delete(keyOf(address));
        this.addSilent(keyOf(address), nowSeconds());
      }
    }
    this.addTarget(Buffer.from(target).toString('hex'));
    for (const node of answered) this.addNode(node);
    if (this.nodes.size + this.silent.size > MAX_HELD) this.prune();
  }

  /** Writes the file (0600) if anything changed. Never throws: if the disk refuses, nothing is saved. */
  save(): void {
    this.prune();
    const text = this.text();
    if (text === this.saved) return;
    try {
      makePrivateFolder(this.folder);
      writeCache(join(this.folder, FILE), Buffer.from(text));
      this.saved = text;
    } catch {
      // A full or read-only disk, or a folder that is not ours: the next walk loses its head start, no more.
    }
  }

  private load(lines: readonly string[]): void {
    for (const line of lines) {
      const node = parseNode(line);
      const [, target] = /^target ([0-9a-f]{40})$/.exec(line) ?? [];
      const [, atSeconds, address] = /^silent ([0-9]{1,12}) ([0-9.]{7,15}:[0-9]{1,5})$/.exec(line) ?? [];
      if (node !== null) this.addNode(node);
      if (address !== undefined) this.addSilent(address, Number(atSeconds));
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

  private addSilent(key: string, atSeconds: number): void {
    this.silent.delete(key);
    this.silent.set(key, atSeconds);
  }

  /** Discards surplus nodes. This takes some milliseconds: not after a `learn`, when a put may be waiting. */
  private prune(): void {
    const targets = [...this.targets].map((target) => Buffer.from(target, 'hex'));
    const kept = new Set(select([...this.nodes.values()], targets, KEPT_IN_PART));
    for (const [key, node] of this.nodes) if (!kept.has(node)) this.nodes.delete(key);
    for (const key of [...this.silent.keys()].slice(0, -MAX_SILENT)) this.silent.delete(key);
  }

  private text(): string {
    const targets = [...this.targets].map((target) => `target ${target}`);
    const silent = [...this.silent].map(([key, atSeconds]) => `silent ${atSeconds} ${key}`);
    return `${[this.bootstrap, ...targets, ...[...this.nodes.values()].map(lineOf), ...silent].join('\n')}\n`;
  }
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

function readText(path: string): string {
  const bytes = withRegularFile(path, (file) => readAt(file, 0, MAX_BYTES + 1));
  return bytes === null || bytes.length > MAX_BYTES ? '' : bytes.toString();
}

const lineOf = (node: NodeAddress) => `node ${Buffer.from(node.id).toString('hex')} ${keyOf(node)}`;

/** Null unless the line is exactly what `lineOf` writes for a node that may be asked. */
function parseNode(line: string): NodeAddress | null {
  const [, id, host, port] = /^node ([0-9a-f]{40}) ([0-9.]{7,15}):([0-9]{1,5})$/.exec(line) ?? [];
  if (id === undefined || host === undefined) return null;
  const compact = compactNodes([{ id: Buffer.from(id, 'hex'), host, port: Number(port) }]);
  const [node] = parseCompactNodes(compact) ?? [];
  return node !== undefined && lineOf(node) === line ? node : null;
}

/** The nodes near each target, then the newest others in each part of the id space. */
function select(nodes: readonly NodeAddress[], targets: readonly Uint8Array[], inPart: number): NodeAddress[] {
  const near = new Set(targets.flatMap((target) => closest(nodes, target)));
  const others = nodes.filter((node) => !near.has(node));
  return [...near, ...spread(others, inPart)];
}

/** The closest nodes, preferred ones first, so that nobody can fill these slots by choosing ids. */
function closest(nodes: readonly NodeAddress[], target: Uint8Array): NodeAddress[] {
  const closestFirst = nodes.toSorted((a, b) => compareDistance(a.id, b.id, target));
  const { preferred, others, crowd } = groupByPreference(closestFirst, () => true);
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
