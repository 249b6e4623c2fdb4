/** Headers and contents come in blocks of this size. */
const BLOCK_BYTES = 512;
/** The longest name that is not split at its slash. */
const MAX_NAME_BYTES = 100;

/** What an archive ends with: two blocks of zeros. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

/** The length of a header. */
export const TAR_HEADER_BYTES = BLOCK_BYTES;

/**
 * The header of a regular file, owned by nobody, with permissions 0600, as `tar --format=ustar` writes it
 * (POSIX.1-2001). The name is ASCII, and `modified` in Unix seconds.
 *
 * A reader that knows what must follow compares instead of parsing. So it has no links, devices, long names
 * or second readings to guard against, which a parser for every kind of tar file has.
 */
export function tarHeader(name: string, bytes: number, modified: number): Buffer {
  const slash = name.length > MAX_NAME_BYTES ? name.indexOf('/') : -1;
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name.slice(slash + 1), 0);
  header.write('0000600\0' + '0000000\0' + '0000000\0', 100);
  header.write(`${octal(bytes, 11)}\0${octal(modified, 11)}\0`, 124);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  header.write('0000000\0' + '0000000\0', 329);
  if (slash > 0) header.write(name.slice(0, slash), 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

/** The size of the file behind a header, and when it was modified; null if that is no header. */
export function numbersInTarHeader(header: Buffer): { bytes: number; modified: number } | null {
  const [, bytes, modified] = /^([0-7]{11})\0([0-7]{11})\0$/.exec(header.toString('latin1', 124, 148)) ?? [];
  if (bytes === undefined || modified === undefined) return null;
  return { bytes: Number.parseInt(bytes, 8), modified: Number.parseInt(modified, 8) };
}

/** The zeros behind a file of `bytes` bytes, up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return TAR_END.subarray(0, (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
