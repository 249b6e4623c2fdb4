import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Identity } from '../../src/identity/unlock.ts';
import { type PeerProgramName, peerProgram } from './build-programs.ts';
import { PeerProcess } from './peer-process.ts';

export const PYTHON = '/usr/bin/python3';
const LIBTORRENT = fileURLToPath(new URL('./libtorrent-peer.py', import.meta.url));

/** What a client of another implementation finds. */
export interface PeerFound {
  /** 0 if nothing is there. */
  readonly seq: number;
  /** Hexadecimal; null if nothing is there. */
  readonly value: string | null;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Nodes and clients of another implementation, in one process until the test ends or `close` is called. */
export class PeerNodes {
  /** `127.0.0.1:port` of each. */
  readonly addresses: readonly string[];
  private readonly process: PeerProcess;

  private constructor(process: PeerProcess, ports: readonly number[]) {
    this.process = process;
    this.addresses = ports.map((port) => `127.0.0.1:${port}`);
  }

  /** Starts nodes that know each other and those of `bootstrap` (`host:port`, separated by commas). */
  static async start(name: PeerProgramName | 'libtorrent', nodes: number, bootstrap = ''): Promise<PeerNodes> {
    const args = [`${nodes}`, bootstrap];
    const process =
      name === 'libtorrent' ? new PeerProcess(PYTHON, [LIBTORRENT, ...args]) : new PeerProcess(peerProgram(name), args);
    const { ports } = await process.ask<{ ports: number[] }>({ request: 'ports' });
    return new PeerNodes(process, ports);
  }

  /** `start`, for nodes that end with the calling test. */
  static async startForTest(...args: Parameters<typeof PeerNodes.start>): Promise<PeerNodes> {
    const nodes = await PeerNodes.start(...args);
    onTestFinished(() => nodes.close());
    return nodes;
  }

  close(): Promise<void> {
    return this.process.close();
  }

  /**
   * What a new client that knows only the node `from` finds under a key (32 bytes). `mainline` stops at the
   * first value.
   */
  get(publicKey: Uint8Array, from: string): Promise<PeerFound> {
    return this.process.ask({ request: 'get', key: hex(publicKey), from });
  }

  /** Has a new client that knows only the node `from` put a value. Rejects if that fails. */
  put(identity: Identity, seq: number, value: Uint8Array, from: string): Promise<{ seq: number }> {
    const { publicKey, seed } = identity;
    const keys = { key: hex(publicKey), seed: hex(seed) };
    return this.process.ask({ request: 'put', ...keys, value: hex(value), seq, cas: null, from });
  }
}
