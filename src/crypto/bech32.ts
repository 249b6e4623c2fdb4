const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Bech32 (BIP 173) of `bytes` below a lower-case human-readable part, without BIP 173's limit of 90 characters, as age has it. */
export function bech32(prefix: string, bytes: Uint8Array): string {
  const words = quintets(bytes);
  const characters = [...words, ...checksum(prefix, words)].map((word) => ALPHABET[word]);
  return `${prefix}1${characters.join('')}`;
}

/** The bits of `bytes` in groups of five, the last one filled up with zeros. */
function quintets(bytes: Uint8Array): number[] {
  const words: number[] = [];
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) words.push((pending >> (bits - 5)) & 31);
  }
  if (bits > 0) words.push((pending << (5 - bits)) & 31);
  return words;
}

function checksum(prefix: string, words: readonly number[]): number[] {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  let sum = 1;
  for (const value of [...expanded, ...words, 0, 0, 0, 0, 0, 0]) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((term, i) => {
      if ((top >> i) & 1) sum ^= term;
    });
  }
  sum ^= 1;
  return [0, 1, 2, 3, 4, 5].map((i) => (sum >>> (5 * (5 - i))) & 31);
}
