import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Address, type ErrorReply, keyOf, parseAnswer, type Query, type Reply } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { Pace } from './pace.ts';

/** How long an answer may take until it counts no more, in milliseconds. */
const HARD_LIMIT = 3000;

/** How many requests may wait to be sent or answered at once. */
const MAX_PENDING = 1024;
/** How many round trips the median is taken of. */
const SAMPLES = 64;
/** How many there must be for the limit to become shorter than the first one. */
const ENOUGH_SAMPLES = 8;

/** How long a node holds others up before enough round trips are known, in milliseconds. */
const FIRST_LIMIT = 400;
const LIMIT_FACTOR = 1.8;
/** The shortest and the longest time that a node may hold others up, in milliseconds. */
const LEAST_LIMIT = 80;
const MOST_LIMIT = 1000;

/** For how many turns of the event loop answers that have arrived are waited for before a time counts as over. */
const MAX_TURNS = 64;

/** What the system is asked to keep of datagrams that arrive while this process is busy, in bytes; it may grant less. */
const RECEIVE_BUFFER = 1 << 20;

/** Why there is no answer: the time is over, or the request could not be sent at all. */
export type NoAnswer = 'silent' | 'unsent';

/** For how long after it was asked a node is waited for, and for how long its answer is likely, in milliseconds. */
export interface AnswerLimits {
  readonly holdMs: number;
  /** At most `holdMs`. */
  readonly likelyMs: number;
}

interface Pending {
  readonly to: Address;
  readonly transaction: string;
  readonly settle: (answer: Reply | ErrorReply | NoAnswer) => void;
  sentAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** Requests and answers over one UDP socket, which is opened with the first request. */
export class Rpc {
  private socket: Socket | undefined;
  private closed = false;
  /** By address, then by transaction id in hexadecimal. */
  private readonly pending = new Map<string, Map<string, Pending>>();
  private pendingCount = 0;
  private readonly pace = new Pace();
  /** What waits for its turn. */
  private readonly outbox: (() => void)[] = [];
  private turn: NodeJS.Timeout | undefined;
  /** How many answers have come. */
  private answers = 0;
  /** The last round trip to each place, in milliseconds: whoever runs many nodes at one must not tell how long others may take. */
  private readonly roundTrips = new Map<string, number>();

  /**
   * Sends a query, as soon as the pace allows it, and waits up to 3 s for its answer: from that address and port, with that
   * transaction id. `onSent` is called when it leaves.
   *
   * Never rejects. After `close` it answers `unsent`.
   */
  request(to: Address, query: Query, onSent?: () => void): Promise<Reply | ErrorReply | NoAnswer> {
    if (this.closed || this.pendingCount >= MAX_PENDING) return Promise.resolve('unsent');
    return new Promise((resolve) => {
      const transaction = randomBytes(4);
      const pending: Pending = {
        to,
        transaction: transaction.toString('hex'),
        settle: (answer) => {
          clearTimeout(pending.timer);
          if (this.remove(pending)) resolve(answer);
        },
        sentAt: 0,
        timer: undefined,
      };
      this.add(pending);
      this.outbox.push(() => {
        if (this.find(to, pending.transaction) !== pending) return;
        this.send(pending, query(transaction));
        onSent?.();
      });
      if (this.turn === undefined) this.empty();
    });
  }

  /** The median of the last round trips in milliseconds, one for each /24; null before the first. */
  medianRoundTrip(): number | null {
    const sorted = [...this.roundTrips.values()].sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? null;
  }

  /**
   * For how long a node may hold others up, and for how long its answer is likely, in milliseconds: 1.8 times the median of the
   * last round trips, one for each /24. Its answer counts for longer.
   *
   * A prototype lost values with 1.6 times the median, and 2 times is slower and finds no more. The first answers are the quickest
   * ones, so a few do not make the first limit shorter.
   */
  limits(): AnswerLimits {
    const measuredMs = Math.min(LIMIT_FACTOR * (this.medianRoundTrip() ?? 0), MOST_LIMIT);
    const isEnough = this.roundTrips.size >= ENOUGH_SAMPLES;
    const likelyMs = this.roundTrips.size === 0 ? FIRST_LIMIT : Math.max(measuredMs, LEAST_LIMIT);
    return { holdMs: isEnough ? likelyMs : Math.max(likelyMs, FIRST_LIMIT), likelyMs };
  }

  /**
   * Calls back once no answer is waiting in the socket any more: while this process was busy or stopped, many may have come, and
   * they are handed over some dozens at a turn of the event loop. Whatever a time limit ends must wait for them.
   */
  afterArrivals(callback: () => void, turns = MAX_TURNS): void {
    const before = this.answers;
    setImmediate(() => {
      if (this.answers === before || turns === 0) callback();
      else this.afterArrivals(callback, turns - 1);
    });
  }

  /** Closes the socket; everything that still waits gets `unsent`. */
  close(): void {
    this.closed = true;
    this.drop();
  }

  private add(pending: Pending): void {
    const key = keyOf(pending.to);
    const there = this.pending.get(key) ?? new Map<string, Pending>();
    // Two of four billion that meet: the older one gives way.
    there.get(pending.transaction)?.settle('unsent');
    this.pending.set(key, there.set(pending.transaction, pending));
    this.pendingCount += 1;
  }

  private find(from: Address, transaction: string): Pending | undefined {
    return this.pending.get(keyOf(from))?.get(transaction);
  }

  /** True if it was still there. */
  private remove({ to, transaction }: Pending): boolean {
    const there = this.pending.get(keyOf(to));
    if (there?.delete(transaction) !== true) return false;
    if (there.size === 0) this.pending.delete(keyOf(to));
    this.pendingCount -= 1;
    return true;
  }

  /** Sends what waits, as much of it as the pace allows now. */
  private empty(): void {
    this.turn = undefined;
    while (this.outbox.length > 0) {
      const wait = this.pace.take();
      if (wait > 0) {
        this.turn = setTimeout(() => this.empty(), wait);
        return;
      }
      this.outbox.shift()?.();
    }
  }

  private send(pending: Pending, datagram: Uint8Array): void {
    const { to, settle } = pending;
    pending.sentAt = performance.now();
    pending.timer = setTimeout(() => this.afterArrivals(() => settle('silent')), HARD_LIMIT);
    try {
      this.open().send(datagram, to.port, to.host, (error) => {
        if (error !== null) settle('unsent');
      });
    } catch {
      settle('unsent');
    }
  }

  private open(): Socket {
    if (this.socket === undefined) {
      this.socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
      this.socket.on('message', (datagram, from) => this.receive(datagram, from));
      // A socket that failed (no permission, out of buffers) is of no more use; the next request opens another.
      this.socket.on('error', () => this.drop());
    }
    return this.socket;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    clearTimeout(this.turn);
    this.turn = undefined;
    this.outbox.length = 0;
    for (const there of [...this.pending.values()]) for (const { settle } of [...there.values()]) settle('unsent');
    try {
      socket?.close();
    } catch {
      // It closed itself when it failed.
    }
  }

  private receive(datagram: Uint8Array, { address: host, port }: RemoteInfo): void {
    // Whoever was not asked is not even read: a flood from strangers costs next to nothing.
    if (!this.pending.has(keyOf({ host, port }))) return;
    const answer = parseAnswer(datagram);
    if (answer === null) return;
    const pending = this.find({ host, port }, Buffer.from(answer.transaction).toString('hex'));
    if (pending === undefined) return;
    this.answers += 1;
    this.note({ host, port }, performance.now() - pending.sentAt);
    pending.settle(answer);
  }

  private note({ host, port }: Address, milliseconds: number): void {
    // The answer was in time, or it would not count: it was this process that stood still, and read it late.
    if (milliseconds > HARD_LIMIT) return;
    const place = isLocalAddress(host) ? keyOf({ host, port }) : subnetOf(host);
    this.roundTrips.delete(place);
    this.roundTrips.set(place, milliseconds);
    for (const oldest of [...this.roundTrips.keys()].slice(0, -SAMPLES)) this.roundTrips.delete(oldest);
  }
}
