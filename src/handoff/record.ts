import { sign, verify } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { readTopLevel, textOf } from './strict-json.ts';

/**
 * The signed record of a handoff (docs/PROTOCOL.md, "The record").
 *
 * Times are Unix seconds and durations seconds, as unsigned 64-bit integers: a Number does not hold them all,
 * and the signed text repeats their digits.
 */
export interface HandoffRecord {
  /** The age ciphertext of the payload. */
  readonly blob: Uint8Array;
  readonly burn: boolean;
  readonly createdAt: bigint;
  /** Clear-text host name of old records; empty in records of today. */
  readonly hostname: string;
  /** 32 bytes, or null where no PIN is needed. */
  readonly pinSalt: Uint8Array | null;
  /** Clear-text project path of old records; empty in records of today. */
  readonly project: string;
  /** The key (32 bytes) that the record was published under, and which signed it. */
  readonly publicKey: Uint8Array;
  /** The recipient as the publisher typed it: only shown, never trusted. */
  readonly recipient: string | null;
  readonly ttl: bigint;
}

/** A record with its signature (64 bytes) and the exact text it travels as. */
export interface SignedRecord extends HandoffRecord {
  readonly signature: Uint8Array;
  readonly text: string;
}

/** For whom a record is sealed. */
export type HandoffMode = 'self' | 'share' | 'pin';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** The fields in alphabetical order, each with its JSON text; `isDefault` if the record leaves it out. */
function fields(record: HandoffRecord): { key: string; json: string; isDefault: boolean }[] {
  return [
    { key: 'blob', json: JSON.stringify(base64(record.blob)), isDefault: false },
    { key: 'burn', json: String(record.burn), isDefault: !record.burn },
    { key: 'created_at', json: String(record.createdAt), isDefault: false },
    { key: 'hostname', json: JSON.stringify(record.hostname), isDefault: record.hostname === '' },
    {
      key: 'pin_salt',
      json: JSON.stringify(record.pinSalt && base64(record.pinSalt)),
      isDefault: record.pinSalt === null,
    },
    { key: 'project', json: JSON.stringify(record.project), isDefault: record.project === '' },
    { key: 'pubkey', json: JSON.stringify(encodePublicKey(record.publicKey)), isDefault: false },
    { key: 'recipient', json: JSON.stringify(record.recipient), isDefault: record.recipient === null },
    { key: 'ttl', json: String(record.ttl), isDefault: false },
  ];
}

const object = (members: { key: string; json: string }[]) =>
  `{${members.map((m) => `"${m.key}":${m.json}`).join(',')}}`;

/** The text that is signed: every field written out, defaults included, without the signature. */
export function signedText(record: HandoffRecord): string {
  return object(fields(record));
}

/** The record's JSON as it is published: without defaults, the signature at its place in the alphabet. */
export function recordText(record: HandoffRecord, signature: Uint8Array): string {
  const members = fields(record).filter((field) => !field.isDefault);
  members.splice(-1, 0, { key: 'signature', json: JSON.stringify(base64(signature)), isDefault: false });
  return object(members);
}

/** Signs a record with the 32-byte seed of its publisher. */
export function signRecord(record: HandoffRecord, seed: Uint8Array): SignedRecord {
  const signature = sign(seed, Buffer.from(signedText(record)));
  return { ...record, signature, text: recordText(record, signature) };
}

const U64_MAX = 2n ** 64n - 1n;

/**
 * Parses and verifies the text of a record that was resolved under `publicKey` (32 bytes).
 *
 * Throws `refused` for anything but a record of the right shape that names this key and carries its
 * signature.
 */
export function parseRecord(text: string, publicKey: Uint8Array): SignedRecord {
  const members = readTopLevel(text);
  if (members === null) throw malformed('it is not a JSON object, or names a field twice');

  const string = (key: string): string => {
    const value = textOf(members.get(key));
    if (value === null) throw malformed(`"${key}" is missing or not a text`);
    return value;
  };
  const optional = <T>(key: string, absent: T, read: (key: string) => T): T => (members.has(key) ? read(key) : absent);
  const nullable = <T>(key: string, read: (key: string) => T): T | null =>
    optional<T | null>(key, null, () => (members.get(key) === 'null' ? null : read(key)));
  const integer = (key: string): bigint => {
    const digits = members.get(key);
    if (digits === undefined || !/^(0|[1-9][0-9]{0,19})$/.test(digits) || BigInt(digits) > U64_MAX) {
      throw malformed(`"${key}" is missing or not a whole number`);
    }
    return BigInt(digits);
  };
  const bytes = (key: string): Uint8Array => {
    const value = string(key);
    const decoded = Buffer.from(value, 'base64');
    if (decoded.toString('base64') !== value) throw malformed(`"${key}" is not base64`);
    return Uint8Array.from(decoded);
  };
  const boolean = (key: string): boolean => {
    const value = members.get(key);
    if (value !== 'true' && value !== 'false') throw malformed(`"${key}" is neither true nor false`);
    return value === 'true';
  };

  if (string('pubkey') !== encodePublicKey(publicKey)) {
    throw new Failure('refused', 'This handoff names another key than the one it was published under.', DISTRUST);
  }
  const record: HandoffRecord = {
    blob: bytes('blob'),
    burn: optional('burn', false, boolean),
    createdAt: integer('created_at'),
    hostname: optional('hostname', '', string),
    pinSalt: nullable('pin_salt', bytes),
    project: optional('project', '', string),
    publicKey,
    recipient: nullable('recipient', string),
    ttl: integer('ttl'),
  };
  const signature = bytes('signature');
  if (!verify(publicKey, Buffer.from(signedText(record)), signature)) {
    throw new Failure('refused', 'The signature inside this handoff is wrong.', DISTRUST);
  }
  return { ...record, signature, text };
}

/**
 * `parseRecord` with null instead of a failure, for the publisher: nobody can pick up a malformed record, but
 * it can be revoked and replaced.
 */
export function parseRecordIfValid(text: string, publicKey: Uint8Array): SignedRecord | null {
  try {
    return parseRecord(text, publicKey);
  } catch {
    return null;
  }
}

const DISTRUST = 'Do not trust it: ask the publisher to publish again.';

function malformed(what: string): Failure {
  return new Failure(
    'refused',
    `What is published under this key is not a handoff that cclink understands: ${what}.`,
    DISTRUST,
  );
}

/** For whom the record is sealed, by its fields. */
export function modeOf(record: HandoffRecord): HandoffMode {
  if (record.pinSalt !== null) return 'pin';
  return record.recipient === null ? 'self' : 'share';
}

/** The Unix second at which the record ends: `created_at + ttl`, saturating at 2^64 - 1. */
export function expiresAt(record: Pick<HandoffRecord, 'createdAt' | 'ttl'>): bigint {
  const end = record.createdAt + record.ttl;
  return end > U64_MAX ? U64_MAX : end;
}

/** How far ahead of this machine's clock a record may have been made, in seconds. */
export const CLOCK_SKEW_SECONDS = 300n;

/**
 * True if a record has not expired at `nowSeconds` (Unix time).
 *
 * Throws `refused` for one made more than 5 minutes ahead of this machine's clock.
 */
export function isLive(record: HandoffRecord, nowSeconds: bigint): boolean {
  if (record.createdAt > nowSeconds + CLOCK_SKEW_SECONDS) {
    throw new Failure(
      'refused',
      'This handoff was made in the future, by the clock of this machine.',
      'Check the date and time here and on the machine that published it.',
    );
  }
  return expiresAt(record) > nowSeconds;
}
