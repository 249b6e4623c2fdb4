import { readAt, useRegularFile } from '../files/regular-file.ts';

const BLOCK_BYTES = 1024 * 1024;

/**
 * A regular file in blocks of a megabyte; none if there is no such file. It is opened for each, so that
 * nothing stays open wherever the reader stops. Throws the system error if it can't be read.
 */
export function* blocksOf(path: string): Generator<Buffer> {
  for (let position = 0; ; ) {
    const block = useRegularFile(path, (descriptor) => readAt(descriptor, position, BLOCK_BYTES));
    if (block === null || block.length === 0) return;
    yield block;
    position += block.length;
  }
}

/** Whether a file holds `text` anywhere. Throws as `blocksOf` does. */
export function fileHolds(path: string, text: string): boolean {
  const wanted = Buffer.from(text);
  let end: Buffer = Buffer.alloc(0);
  for (const block of blocksOf(path)) {
    if (block.includes(wanted) || Buffer.concat([end, block.subarray(0, wanted.length)]).includes(wanted)) return true;
    end = block.subarray(-wanted.length);
  }
  return false;
}
