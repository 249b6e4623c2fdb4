import { createHash } from 'node:crypto';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const UPPER = LOWER.toUpperCase();
/** What a letter of a pattern stands for. */
const ALPHABETS: Readonly<Record<string, string>> = {
  a: UPPER + LOWER + DIGITS,
  b: `${UPPER + LOWER + DIGITS}+/`,
  d: DIGITS,
  h: `${DIGITS}abcdef`,
  l: LOWER + DIGITS,
  u: `${UPPER}234567`,
  w: `${UPPER + LOWER + DIGITS}_-`,
};

/** Bytes that look random and are the same for the same seed. */
export function drawnBytes(length: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < length; i += 1) blocks.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/**
 * A secret that nobody has, in the form of a real one: `ghp_{36a}` is `ghp_` and 36 letters and digits that
 * look drawn. Put together when a test runs, so that nobody's scanner takes this repository for a leak.
 */
export function madeUpSecret(pattern: string, seed = pattern): string {
  let part = 0;
  return pattern.replace(/\{(\d+)([a-z])\}/g, (_, length: string, letter: string) => {
    const alphabet = ALPHABETS[letter] as string;
    part += 1;
    const drawn = drawnBytes(Number(length), `${seed} ${part}`);
    return [...drawn].map((byte) => alphabet[byte % alphabet.length]).join('');
  });
}

/** A PEM file with a private key that is none: bytes that look random. Ends with its last line. */
export function madeUpPem(type = 'RSA PRIVATE KEY', bytes = 1190, seed = type): string {
  const body = Buffer.concat([Buffer.from('3082', 'hex'), drawnBytes(bytes, seed)]).toString('base64');
  const dashes = '-'.repeat(5);
  const lines = body.match(/.{1,64}/g) ?? [];
  return [`${dashes}BEGIN ${type}${dashes}`, ...lines, `${dashes}END ${type}${dashes}`].join('\n');
}

/** A JSON web token, signed by nobody. */
export function madeUpJwt(claims: object, seed = 'jwt'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}.${drawnBytes(32, seed).toString('base64url')}`;
}
