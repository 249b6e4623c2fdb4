import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Address, type ErrorReply, keyOf, parseAnswer, type Query, type Reply } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { Pace } from './pace.ts';

/** Answers that take longer are ignored. */
const HARD_LIMIT_MS = 3000;

/** How many requests may wait to be sent or answered at once. */
const MAX_PENDING = 1024;
/** How many of the latest round trips the median is taken of. */
const SAMPLES = 64;
/** How many of them are needed before the limit may drop below the first one. */
const ENOUGH_SAMPLES = 8;

/** How long a walk waits for a node, at least, until enough round trips are known. */
const FIRST_LIMIT_MS = 400;
const LIMIT_FACTOR = 1.8;
/** The shortest and the longest time that a walk waits for a node. */
const LEAST_LIMIT_MS = 80;
const MOST_LIMIT_MS = 1000;

/**
 * A time limit takes effect only once answers that have arrived are read, but after this many turns of the
 * event loop at the latest.
 */
const MAX_TURNS = 64;

/** How much the system is asked to buffer while this process is busy; it may grant less. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** Why there is no answer: the time is up, or the request could not be sent at all. */
export type NoAnswer = 'silent' | 'unsent';

/** How long a walk waits for a node after asking it, and for how long its answer is likely. */
export interface AnswerLimits {
  readonly holdMs: number;
  /** At most `holdMs`. */
  readonly likelyMs: number;
}

interface Pending {
  readonly to: Address;
  readonly transaction: string;
  readonly settle: (answer: Reply | ErrorReply | NoAnswer) => void;
  sentAtMs: number;
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
  /** Requests that wait to be sent. */
  private readonly outbox: (() => void)[] = [];
  private sendTimer: NodeJS.Timeout | undefined;
  /** How many answers have been received. */
  private answers = 0;
  /**
   * The latest round trip to each /24, or to each node in a local network. One per /24, because whoever runs
   * many nodes there must not decide how long we wait for others.
   */
  private readonly roundTripsMs = new Map<string, number>();

  /**
   * Sends a query as soon as the rate limit allows, and waits up to 3 s for an answer from that address and
   * port with the same transaction id. Calls `onSent` when the query leaves.
   *
   * Never rejects. After `close` the result is `unsent`.
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
        sentAtMs: 0,
        timer: undefined,
      };
      this.add(pending);
      this.outbox.push(() => {
        if (this.find(to, pending.transaction) !== pending) return;
        this.send(pending, query(transaction));
        onSent?.();
      });
      if (this.sendTimer === undefined) this.flush();
    });
  }

  /** The median of the latest round trips, one for each /24; null before the first. */
  medianRoundTripMs(): number | null {
    const sorted = [...this.roundTripsMs.values()].sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? null;
  }

  /**
   * How long a walk waits for a node, and for how long its answer is likely: 1.8 times the median of the
   * latest round trips, one for each /24. Later answers still count.
   *
   * A prototype lost values with 1.6 times the median; 2 times is slower and finds no more. The first answers
   * are the quickest ones, so a few of them do not make the first limit shorter.
   */
  limits(): AnswerLimits {
    const measuredMs = Math.min(LIMIT_FACTOR * (this.medianRoundTripMs() ?? 0), MOST_LIMIT_MS);
    const isEnough = this.roundTripsMs.size >= ENOUGH_SAMPLES;
    const likelyMs = this.roundTripsMs.size === 0 ? FIRST_LIMIT_MS : Math.max(measuredMs, LEAST_LIMIT_MS);
    return { holdMs: isEnough ? likelyMs : Math.max(likelyMs, FIRST_LIMIT_MS), likelyMs };
  }

  /**
   * Calls back once all answers that have arrived are read. While this process was busy or stopped many may
   * have come, and Node delivers only some dozens per turn of the event loop. A time limit must not take
   * effect before they are read.
   */
  afterArrivals(callback: () => void, turns = MAX_TURNS): void {
    const before = this.answers;
    setImmediate(() => {
      if (this.answers === before || turns === 0) callback();
      else this.afterArrivals(callback, turns - 1);
    });
  }

  /** Closes the socket. Requests still waiting get `unsent`. */
  close(): void {
    this.closed = true;
    this.drop();
  }

  private add(pending: Pending): void {
    const key = keyOf(pending.to);
    const there = this.pending.get(key) ?? new Map<string, Pending>();
    // Two of four billion transaction ids are the same: the older request gives way.
    there.get(pending.transaction)?.settle('unsent');
    this.pending.set(key, there.set(pending.transaction, pending));
    this.pendingCount += 1;
  }

  private find(from: Address, transaction: string): Pending | undefined {
    return this.pending.get(keyOf(from))?.get(transaction);
  }

  /** True if it was still pending. */
  private remove({ to, transaction }: Pending): boolean {
    const there = this.pending.get(keyOf(to));
    if (there?.delete(transaction) !== true) return false;
    if (there.size === 0) this.pending.delete(keyOf(to));
    this.pendingCount -= 1;
    return true;
  }

  /** Sends as many waiting requests as the rate limit allows now. */
  private flush(): void {
    this.sendTimer = undefined;
    while (this.outbox.length > 0) {
      const waitMs = this.pace.take();
      if (waitMs > 0) {
        this.sendTimer = setTimeout(() => this.flush(), waitMs);
        return;
      }
      this.outbox.shift()?.();
    }
  }

  private send(pending: Pending, datagram: Uint8Array): void {
    const { to, settle } = pending;
    pending.sentAtMs = performance.now();
    pending.timer = setTimeout(() => this.afterArrivals(() => settle('silent')), HARD_LIMIT_MS);
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
      this.socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
      this.socket.on('message', (datagram, from) => this.receive(datagram, from));
      // A socket that failed (no permission, out of buffers) is unusable; the next request opens another.
      this.socket.on('error', () => this.drop());
    }
    return this.socket;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    clearTimeout(this.sendTimer);
    this.sendTimer = undefined;
    this.outbox.length = 0;
    for (const there of [...this.pending.values()]) for (const { settle } of [...there.values()]) settle('unsent');
    try {
      socket?.close();
    } catch {
      // It closed itself when it failed.
    }
  }

  private receive(datagram: Uint8Array, { address: host, port }: RemoteInfo): void {
    // Datagrams from addresses that were not asked are not even parsed: a flood costs next to nothing.
    if (!this.pending.has(keyOf({ host, port }))) return;
    const answer = parseAnswer(datagram);
    if (answer === null) return;
    const pending = this.find({ host, port }, Buffer.from(answer.transaction).toString('hex'));
    if (pending === undefined) return;
    this.answers += 1;
    this.noteRoundTrip({ host, port }, performance.now() - pending.sentAtMs);
    pending.settle(answer);
  }

  private noteRoundTrip({ host, port }: Address, roundTripMs: number): void {
    // It arrived in time, or it would have been ignored: this process was stalled, and read it late.
    if (roundTripMs > HARD_LIMIT_MS) return;
    const origin = isLocalAddress(host) ? keyOf({ host, port }) : subnetOf(host);
    this.roundTripsMs.delete(origin);
    this.roundTripsMs.set(origin, roundTripMs);
    for (const oldest of [...this.roundTripsMs.keys()].slice(0, -SAMPLES)) this.roundTripsMs.delete(oldest);
  }
}
