import { type LocalSession, localSession, type SessionPlaces } from '../claude/local-session.ts';
import { Failure } from '../failure.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey, readPublicKey, samePublicKey } from '../identity/public-key.ts';
import { otherForms } from '../identity/secret-forms.ts';
import { shorten } from '../shown-text.ts';
import { openRecord } from './open.ts';
import type { Payload } from './payload.ts';
import { madePin } from './pin.ts';
import { modeOf, type SignedRecord } from './record.ts';

/** Under which key to look, and the key of this machine. */
export interface Subject {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** True if that is the key of this machine. */
  readonly isOwn: boolean;
  /** The key pair of this machine, if it has one. */
  readonly own: OwnKey | null;
}

/** A handoff that was found, verified and opened. */
export interface FoundHandoff {
  readonly subject: Subject;
  readonly record: SignedRecord;
  readonly payload: Payload;
  readonly local: LocalSession;
  /**
   * True if it stands under the key of this machine, as opening that has proved, and not the file beside it.
   */
  readonly isProvenOwn: boolean;
  /** True if this machine published it. */
  readonly isFromHere: boolean;
  /** True if this machine has begun to burn it, and nobody else: it is off the network, or as good as. */
  readonly isClaimed: boolean;
}

/** What opening a handoff tells of it. */
export type OpenedHandoff = Omit<FoundHandoff, 'isFromHere'>;

/** Where the PIN of a handoff comes from. */
export type PinSource =
  | { readonly kind: 'value'; readonly value: string | Uint8Array }
  /** Somebody is asked, up to three times; `isAgain` after a wrong one. Answers (UTF-8 bytes) are wiped. */
  | { readonly kind: 'ask'; readonly ask: (isAgain: boolean) => Promise<Uint8Array> };

const MAX_PIN_ATTEMPTS = 3;

/**
 * `open`, but the same record again gets the last answer, unless that was a failure: nobody is asked twice if
 * the first is the newest.
 */
export function onceInARow<T, Rest extends unknown[] = []>(
  open: (record: SignedRecord, ...rest: Rest) => Promise<T>,
): (record: SignedRecord, ...rest: Rest) => Promise<T> {
  let last: { readonly text: string; readonly opened: Promise<T> } | null = null;
  return (record, ...rest) => {
    if (last?.text === record.text) return last.opened;
    const opened = open(record, ...rest);
    last = { text: record.text, opened };
    opened.catch(() => {
      if (last?.opened === opened) last = null;
    });
    return opened;
  };
}

/**
 * Opens the records of a subject with the own key or a PIN, and finds their sessions on this machine. A PIN
 * that was typed for one record is tried on the next.
 */
export class Reader {
  readonly subject: Subject;
  private readonly pins: PinSource;
  private readonly places: SessionPlaces;
  private readonly whileDeriving: <T>(work: Promise<T>) => Promise<T>;
  /** UTF-8 bytes as typed; empty before the first. */
  private pin: Uint8Array;
  /** How often somebody was asked for it. */
  private asked = 0;
  /** The text of the record that it does not open. */
  private wrongFor: string | null = null;

  /**
   * `whileDeriving` is given the work that takes a third of a second or more, to show that something happens.
   */
  constructor(
    subject: Subject,
    { pins, places }: { readonly pins: PinSource; readonly places: SessionPlaces },
    whileDeriving: <T>(work: Promise<T>) => Promise<T>,
  ) {
    this.subject = subject;
    this.pins = pins;
    this.places = places;
    this.whileDeriving = whileDeriving;
    this.pin = Buffer.from(pins.kind === 'value' ? pins.value : '');
  }

  /**
   * Opens a verified record, and finds its session here. If it may not be the newest, a PIN is asked for
   * once: whether that is wrong, only the newest tells.
   *
   * Throws `no-key` where a key is needed and there is none, `cannot-open` where the record is sealed for
   * somebody else or the PIN is wrong, `refused` where its session id is not a UUID.
   */
  readonly read = onceInARow(async (record, { isNewest }: { readonly isNewest: boolean }): Promise<OpenedHandoff> => {
    const { subject } = this;
    const { own, publicKey } = subject;
    const payload =
      modeOf(record) === 'pin' ? await this.openWithPin(record, isNewest) : await this.openWithKey(record);
    // Where an encrypted key has no public key beside it, only opening it tells whose key this is.
    const isOwn = subject.isOwn || isKeyOf(own, publicKey);
    const isProvenOwn = isOwn && (own?.isProven ?? false);
    const local = localSession(this.places, payload.session, payload.project);
    return { subject: { ...subject, isOwn }, record, payload, local, isProvenOwn, isClaimed: false };
  });

  /** A handoff that was opened here before. */
  claimed(record: SignedRecord, payload: Payload): OpenedHandoff {
    const local = localSession(this.places, payload.session, payload.project);
    return { subject: this.subject, record, payload, local, isProvenOwn: true, isClaimed: true };
  }

  /** The own key. Throws `no-key` where there is none. */
  ownKey(): OwnKey {
    const { own } = this.subject;
    if (own !== null) return own;
    throw new Failure(
      'no-key',
      'This handoff is sealed for a key, and there is no key on this machine.',
      'Make one and give its public key to the publisher: cclink init',
    );
  }

  /** Overwrites the PIN. */
  wipe(): void {
    this.pin.fill(0);
  }

  private async openWithKey(record: SignedRecord): Promise<Payload> {
    const { own, isOwn, publicKey } = this.subject;
    const known = own?.knownPublicKey ?? null;
    // Told without asking for a passphrase where the record itself names somebody else.
    const mustAsk = own !== null && !own.isProven && !own.opensSilently;
    const isTold = own?.isProven || mustAsk;
    if (isTold && known !== null && !isFor(record, publicKey, known)) throw sealedForAnother(record, isOwn, known);
    const identity = await (isOwn ? this.ownKey().openAs(publicKey) : this.ownKey().open());
    const payload = await openRecord(record, identity);
    if (payload === null) throw sealedForAnother(record, isOwn, own?.knownPublicKey ?? null);
    return payload;
  }

  private async openWithPin(record: SignedRecord, isNewest: boolean): Promise<Payload> {
    const { pins } = this;
    const attempts = isNewest ? MAX_PIN_ATTEMPTS : 1;
    let payload = this.pin.length > 0 && this.wrongFor !== record.text ? await this.tryPin(record) : null;
    while (payload === null && pins.kind === 'ask' && this.asked < attempts) {
      const typed = await pins.ask(this.asked > 0);
      this.asked += 1;
      this.pin.fill(0);
      this.pin = typed;
      payload = await this.tryPin(record);
    }
    if (payload === null) this.wrongFor = record.text;
    if (payload !== null) return payload;
    throw new Failure(
      'cannot-open',
      'That is not the PIN of this handoff.',
      'Ask the publisher for it, and pick up again.',
    );
  }

  /** Tries the PIN as typed, then in the form of one that was made here, or in another of Unicode's. */
  private async tryPin(record: SignedRecord): Promise<Payload | null> {
    const payload = await this.whileDeriving(openRecord(record, { pin: this.pin }));
    if (payload !== null) return payload;
    const made = madePin(this.pin);
    const forms = made === null ? otherForms(this.pin) : [made];
    try {
      for (const pin of forms) {
        const opened = await this.whileDeriving(openRecord(record, { pin }));
        if (opened !== null) return opened;
      }
      return null;
    } finally {
      for (const form of forms) form.fill(0);
    }
  }
}

/** True if `publicKey` is known to be that of the own key. */
export function isKeyOf(own: OwnKey | null, publicKey: Uint8Array): boolean {
  const known = own?.knownPublicKey ?? null;
  return known !== null && samePublicKey(known, publicKey);
}

/** Whether the record says that it is sealed for `ownKey`; true where what it says can't be compared. */
function isFor(record: SignedRecord, publisher: Uint8Array, ownKey: Uint8Array): boolean {
  if (record.recipient === null) return samePublicKey(publisher, ownKey);
  try {
    return samePublicKey(readPublicKey(record.recipient), ownKey);
  } catch {
    return true;
  }
}

/** The longest form of a public key, `pk:` and 52 characters, and some room. */
const MAX_KEY = 64;

/** `known` is the public key of this machine, if it is known. */
function sealedForAnother(record: SignedRecord, isOwn: boolean, known: Uint8Array | null): Failure {
  if (isOwn) {
    return new Failure(
      'cannot-open',
      `You sealed this handoff for another key: ${shorten(record.recipient ?? '', MAX_KEY)}. Only its owner can open it.`,
      'To revoke it: cclink revoke',
    );
  }
  return new Failure(
    'cannot-open',
    record.recipient === null
      ? 'This handoff is sealed for its publisher alone.'
      : `This handoff is sealed for another key: ${shorten(record.recipient, MAX_KEY)}.`,
    known === null
      ? 'Ask the publisher to seal it for your public key; you see it with: cclink whoami'
      : `Ask the publisher to seal it for yours: cclink --share ${encodePublicKey(known)}`,
  );
}
