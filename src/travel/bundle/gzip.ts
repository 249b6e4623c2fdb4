import { promisify } from 'node:util';
import { createGunzip, gzip as nodeGzip } from 'node:zlib';
import { systemFailure } from '../../system-failure.ts';
import { type BundleFailure, malformedBundle, overTheLimits } from './bundle-failure.ts';
import { MAX_RATIO } from './limits.ts';

/** How much goes into one member: less compresses worse, more holds more memory. */
const MEMBER_BYTES = 1024 * 1024;
/** Members compressed at once. zlib's pool has four threads, and reading files needs one too. */
const AT_ONCE = 3;
/** Level 6 makes a transcript a fifth smaller and takes twice as long. */
const LEVEL = 1;
/** zlib allocates a member in pieces of this size. */
const PIECE_BYTES = 256 * 1024;
/** So much input waits to be uncompressed: it makes more than one piece. */
const INPUT_AHEAD_BYTES = 512 * 1024;

const gzip = promisify(nodeGzip);

/**
 * Compresses a stream: one gzip file (RFC 1952) of members of a megabyte, several of them compressed at once
 * on other threads.
 */
export async function* compress(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  // Each block is filled again once its member is made, so that memory stays flat.
  const free = Array.from({ length: AT_ONCE + 1 }, () => Buffer.allocUnsafeSlow(MEMBER_BYTES));
  const atWork: { block: Buffer<ArrayBuffer>; member: Promise<Buffer> }[] = [];
  const start = (block: Buffer<ArrayBuffer>, length: number) => {
    const member = memberOf(block.subarray(0, length));
    member.catch(() => {}); // Told by whoever waits for it; if nobody does, the stream was given up.
    atWork.push({ block, member });
  };
  const finish = async () => {
    const oldest = atWork.shift();
    if (oldest === undefined) throw new TypeError('Nothing is being compressed.');
    const member = await oldest.member;
    free.push(oldest.block);
    return member;
  };

  let block = free.pop() ?? Buffer.alloc(0);
  let filled = 0;
  let isEmpty = true;
  for await (const chunk of plain) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + MEMBER_BYTES - filled);
      block.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < MEMBER_BYTES) break;
      start(block, filled);
      isEmpty = false;
      filled = 0;
      if (atWork.length === AT_ONCE) yield await finish();
      block = free.pop() ?? Buffer.allocUnsafeSlow(MEMBER_BYTES);
    }
  }
  if (filled > 0 || isEmpty) start(block, filled);
  while (atWork.length > 0) yield await finish();
}

async function memberOf(block: Uint8Array): Promise<Buffer> {
  const member = await gzip(block, { level: LEVEL, chunkSize: PIECE_BYTES });
  // What is packed tighter than a reader accepts is stored as it is.
  return block.length > member.length * MAX_RATIO ? gzip(block, { level: 0, chunkSize: MEMBER_BYTES }) : member;
}

/**
 * Uncompresses a gzip file of any number of members, in pieces of at most a megabyte.
 *
 * Throws a `BundleFailure`: `malformed` if it is not one to its last byte, `over the limits` if it expands
 * further than `MAX_RATIO`. Errors of the source are thrown as they are.
 */
export async function* uncompress(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  // One piece is made ahead, on another thread, while the last one is used. The types don't know that a zlib
  // stream may count pieces.
  const ahead = { readableObjectMode: true, readableHighWaterMark: 1 } as object;
  const gunzip = createGunzip({ chunkSize: MEMBER_BYTES, ...ahead });
  let error: unknown = null;
  let hasEnded = false;
  let wake = () => {};
  gunzip.on('readable', () => wake());
  gunzip.on('end', () => {
    hasEnded = true;
    wake();
  });
  gunzip.on('error', (cause) => {
    error = cause;
    wake();
  });

  const source = packed[Symbol.asyncIterator]();
  let sizePacked = 0;
  let size = 0;
  let hasAll = false;
  try {
    for (;;) {
      // It never waits for input while a piece is used. Nobody who stops waits for a slow source either: none
      // is asked meanwhile.
      while (!hasAll && error === null && gunzip.writableLength < INPUT_AHEAD_BYTES) {
        const next = await source.next();
        if (next.done) {
          hasAll = true;
          gunzip.end();
        } else {
          sizePacked += next.value.length;
          if (next.value.length > 0) gunzip.write(next.value);
        }
      }
      if (error !== null) throw systemFailure(error) ?? malformed(error);
      const piece: Buffer | null = gunzip.read();
      if (piece !== null) {
        size += piece.length;
        if (size > 2 * MEMBER_BYTES + gunzip.bytesWritten * MAX_RATIO) throw tooTight();
        yield piece;
      } else if (hasEnded) {
        break;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    // It takes zeros behind a member for its end, and loses what follows.
    if (!hasAll || gunzip.bytesWritten !== sizePacked) throw malformed();
  } finally {
    gunzip.destroy();
    if (!hasAll) await source.return?.();
  }
}

function malformed(cause?: unknown): BundleFailure {
  return malformedBundle('it is not packed with gzip to its end', { cause });
}

function tooTight(): BundleFailure {
  return overTheLimits(`it would unpack to more than ${MAX_RATIO} times its size`);
}
