import { Buffer } from 'node:buffer';
import { flatten } from '../scan/flat-text.ts';
import type { Mask } from './mask.ts';

/** About how much is masked at once. */
const BLOCK_BYTES = 1024 * 1024;
/** How much is kept back at most for a value that does not end. */
const MOST_WAITING_BYTES = 8 * BLOCK_BYTES;
/** More than an escape that is not whole can have at the end of a block. */
const MARGIN_BYTES = 64;

/** The content of a file of plain text, masked: whatever blocks it comes in. What it gives is new memory. */
export async function* maskText(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  mask: Mask,
): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const block of content) {
    for (let at = 0; at < block.length; at += BLOCK_BYTES) {
      const piece = Buffer.from(block.subarray(at, at + BLOCK_BYTES));
      waiting.push(piece);
      length += piece.length;
      if (length < BLOCK_BYTES) continue;
      const { masked, rest } = maskBlock(Buffer.concat(waiting), mask, false);
      yield* masked;
      waiting = [rest];
      length = rest.length;
    }
  }
  yield* maskBlock(Buffer.concat(waiting), mask, true).masked;
}

/** Masks a block, and leaves of it where a value may begin that ends in the next one. */
function maskBlock(block: Buffer, mask: Mask, isLast: boolean): { readonly masked: Buffer[]; readonly rest: Buffer } {
  const { bytes: flat, sourceOffset, sourceEnd } = flatten(block);
  const places = mask.inFlat(flat);
  const known = flat.length - mask.longest - MARGIN_BYTES;
  // What is flat in a fraction of its bytes is not kept back without end: a value in there is found again.
  const isKeptBack = !isLast && (known > 0 || block.length < MOST_WAITING_BYTES);
  let end = isKeptBack ? startOfCharacter(flat, known) : flat.length;
  const across = places.find((place) => place.start < end && place.end > end);
  if (across !== undefined) end = block.length < MOST_WAITING_BYTES ? across.start : across.end;
  const masked: Buffer[] = [];
  let from = 0;
  for (const place of places) {
    if (place.end > end) break;
    const start = sourceOffset(place.start);
    masked.push(block.subarray(from, start), block[start + 1] === 0 ? inUtf16(place.text) : place.text);
    from = sourceEnd(place.end);
  }
  const cut = isLast ? block.length : sourceOffset(end);
  masked.push(block.subarray(from, cut));
  return { masked: masked.filter(({ length }) => length > 0), rest: block.subarray(cut) };
}

/** As it stands between the first and the last byte of a text in UTF-16, whatever their order. */
const inUtf16 = (ascii: Buffer) => Buffer.from(ascii.toString('latin1'), 'utf16le').subarray(0, -1);

function startOfCharacter(utf8: Buffer, at: number): number {
  let start = Math.max(0, at);
  while (start > 0 && ((utf8[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}
