import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Address, type ErrorReply, parseAnswer, type Query, type Reply } from './krpc.ts';

/** How long an answer may take until it counts no more, in milliseconds. */
const HARD_LIMIT = 3000;

/** How many requests may wait for an answer at once. */
const MAX_PENDING = 1024;
/** How many round trips the median is taken of. */
const SAMPLES = 64;

/** Why there is no answer: the time is over, or the request could not be sent at all. */
export type NoAnswer = 'silent' | 'unsent';

interface Pending {
  readonly to: Address;
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  readonly settle: (answer: Reply | ErrorReply | NoAnswer) => void;
}

/** Requests and answers over one UDP socket, which is opened with the first request. */
export class Rpc {
  private socket: Socket | undefined;
  private closed = false;
  /** By transaction id in hexadecimal. */
  private readonly pending = new Map<string, Pending>();
  private readonly roundTrips: number[] = [];

  /**
   * Sends a query and waits up to 3 s for its answer: from that address and port, with that transaction id.
   *
   * Never rejects. After `close` it answers `unsent`.
   */
  request(to: Address, query: Query): Promise<Reply | ErrorReply | NoAnswer> {
    if (this.closed || this.pending.size >= MAX_PENDING) return Promise.resolve('unsent');
    return new Promise((resolve) => {
      const transaction = this.freeTransaction();
      const key = transaction.toString('hex');
      const settle = (answer: Reply | ErrorReply | NoAnswer) => {
        clearTimeout(this.pending.get(key)?.timer);
        this.pending.delete(key);
        resolve(answer);
      };
      // One turn later: an answer may have waited in the socket while this process was busy.
      const timer = setTimeout(() => setImmediate(settle, 'silent'), HARD_LIMIT);
      this.pending.set(key, { to, sentAt: performance.now(), timer, settle });
      try {
        this.open().send(query(transaction), to.port, to.host, (error) => {
          if (error !== null) settle('unsent');
        });
      } catch {
        settle('unsent');
      }
    });
  }

  /** The median of the last round trips in milliseconds; null before the first. */
  medianRoundTrip(): number | null {
    const sorted = this.roundTrips.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? null;
  }

  /** Closes the socket; everything that still waits gets `unsent`. */
  close(): void {
    this.closed = true;
    this.drop();
  }

  private freeTransaction(): Buffer {
    for (;;) {
      const transaction = randomBytes(4);
      if (!this.pending.has(transaction.toString('hex'))) return transaction;
    }
  }

  private open(): Socket {
    if (this.socket === undefined) {
      this.socket = createSocket('udp4');
      this.socket.on('message', (datagram, from) => this.receive(datagram, from));
      // A socket that failed (no permission, out of buffers) is of no more use; the next request opens another.
      this.socket.on('error', () => this.drop());
    }
    return this.socket;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    for (const { settle } of this.pending.values()) settle('unsent');
    try {
      socket?.close();
    } catch {
      // It closed itself when it failed.
    }
  }

  private receive(datagram: Uint8Array, from: RemoteInfo): void {
    const answer = parseAnswer(datagram);
    if (answer === null) return;
    const pending = this.pending.get(Buffer.from(answer.transaction).toString('hex'));
    if (pending === undefined || pending.to.host !== from.address || pending.to.port !== from.port) return;
    this.roundTrips.push(performance.now() - pending.sentAt);
    if (this.roundTrips.length > SAMPLES) this.roundTrips.shift();
    pending.settle(answer);
  }
}
