/** What an envelope begins with. */
export const MAGIC = Buffer.from('CCLINKEK');
/** The magic, the version, three parameters and the salt: where the age file begins. */
export const HEADER_LENGTH = 53;
export const SALT_OFFSET = 21;
export const SEED_LENGTH = 32;

const AGE = 'age-encryption.org/v1';
/** The last line of age's own header, after which the sealed seed begins. */
const AGE_HEADER_END = /\n--- [A-Za-z0-9+/]{43}\n/g;
/** What follows age's header: a nonce, the seed, a tag. */
const SEALED_SEED_LENGTH = 16 + SEED_LENGTH + 16;
/**
 * U+FEFF and U+FFFD in UTF-8, as Latin-1: a mark that some programs put before text, and what they write for
 * bytes that are no text.
 */
const [BYTE_ORDER_MARK, REPLACEMENT] = ['\u00ef\u00bb\u00bf', '\u00ef\u00bf\u00bd'];

/** True if these bytes begin like an envelope. */
export function looksLikeEnvelope(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** True if there is an envelope in these bytes, or what a pipe or an editor has made of one. */
export function holdsEnvelope(bytes: Uint8Array): boolean {
  const text = latin1(bytes);
  return text.includes(MAGIC.toString()) || text.includes(AGE) || text.includes(utf16(MAGIC.toString()));
}

/**
 * The envelope in these bytes, without a byte order mark before it or a newline behind it. Only where its own
 * form says that it is whole: then nothing of it can be lost.
 */
export function withoutTextMarks(bytes: Uint8Array): Uint8Array {
  const start = latin1(bytes.subarray(0, 3)) === BYTE_ORDER_MARK ? 3 : 0;
  const from = bytes.subarray(start);
  const end = envelopeLength(from);
  return end !== null && /^(\r?\n)?$/.test(latin1(from.subarray(end))) ? from.subarray(0, end) : bytes;
}

/**
 * What has become of an envelope (of a known version) on its way, and what usually does that, as half a
 * sentence; null if it has its exact form and length. Whether its passphrase opens it is another question.
 */
export function damageOf(bytes: Uint8Array): string | null {
  const text = latin1(bytes);
  const start = text.indexOf(MAGIC.toString());
  const end = start === 0 ? envelopeLength(bytes) : null;
  if (end === bytes.length) {
    // Salt and seed are 96 bytes that look random: if none is above 127, they were made into ASCII.
    const random = [...bytes.subarray(SALT_OFFSET, HEADER_LENGTH), ...bytes.subarray(end - SEALED_SEED_LENGTH)];
    return random.every((byte) => byte < 0x80) ? TAKEN_FOR_TEXT : null;
  }
  if (start < 0) {
    return text.includes(utf16(MAGIC.toString()))
      ? 'it was turned into UTF-16, as PowerShell does with what a program prints'
      : 'its beginning is missing';
  }
  if (text.includes(`${AGE}\r`)) return 'its line ends were changed, as a terminal (ssh -t) or PowerShell does';
  if (text.includes(REPLACEMENT)) return TAKEN_FOR_TEXT;
  if (start > 0) return `it has ${count(start)} before it, such as what a shell prints when it starts`;
  if (end === null) {
    const age = text.indexOf(AGE);
    return age < 0 || age === HEADER_LENGTH ? 'it is cut off' : TAKEN_FOR_TEXT;
  }
  if (bytes.length < end)
    return `it lacks its last ${bytes.length === end - 1 ? 'byte' : `${end - bytes.length} bytes`}`;
  if (text.indexOf(MAGIC.toString(), end) >= 0) return 'it is there twice';
  return `it has ${count(bytes.length - end)} behind it, such as what a shell prints when it ends`;
}

const TAKEN_FOR_TEXT = 'it was taken for text and re-encoded, as PowerShell or a shell variable does';

const count = (bytes: number) => (bytes === 1 ? 'a byte' : `${bytes} bytes`);

/** How long the envelope at the start of these bytes is, by its own form; null if that has no end. */
function envelopeLength(bytes: Uint8Array): number | null {
  const text = latin1(bytes);
  AGE_HEADER_END.lastIndex = HEADER_LENGTH;
  return text.startsWith(`${AGE}\n`, HEADER_LENGTH) && AGE_HEADER_END.test(text)
    ? AGE_HEADER_END.lastIndex + SEALED_SEED_LENGTH
    : null;
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
const utf16 = (text: string) => [...text].join('\0');
