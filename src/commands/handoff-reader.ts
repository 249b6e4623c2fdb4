import { Failure } from '../failure.ts';
import { openRecord } from '../handoff/open.ts';
import type { Payload } from '../handoff/payload.ts';
import { modeOf, type SignedRecord } from '../handoff/record.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { parsePublicKey, samePublicKey } from '../identity/public-key.ts';
import type { Context } from './context.ts';
import { type LocalSession, localSession } from './local-session.ts';

/** Under which key to look, and whether it is this machine's own. */
export interface Subject {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
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
}

/** `open`, where what came of the last record stands for the same one again: nobody is asked twice about the first and the newest. */
export function onceInARow<T>(open: (record: SignedRecord) => Promise<T>): (record: SignedRecord) => Promise<T> {
  let last: { readonly text: string; readonly opened: Promise<T> } | null = null;
  return (record) => {
    if (last?.text !== record.text) last = { text: record.text, opened: open(record) };
    return last.opened;
  };
}

const PIN_TRIES = 3;

/**
 * Opens the records of a subject. What was asked for one of them (a passphrase, a PIN) serves the next, until it is forgotten.
 *
 * `read` throws `no-key` where a key is needed and there is none, `cannot-open` where the record is not for this reader, `refused`
 * where its session id is none of Claude Code’s.
 */
export class HandoffReader {
  readonly subject: Subject;
  private readonly context: Context;
  /** As typed (UTF-8 bytes), or from `CCLINK_PIN`; empty where there was none yet. */
  private pin: Uint8Array;

  constructor(context: Context, subject: Subject) {
    this.context = context;
    this.subject = subject;
    this.pin = Buffer.from(context.environment.pin ?? '');
  }

  /** Opens a record, and finds its session here. */
  readonly read = onceInARow((record) => this.readAnew(record));

  /** The own key. Throws `no-key` where there is none. */
  ownKey(): OwnKey {
    const { own } = this.subject;
    if (own === null) {
      throw new Failure(
        'no-key',
        'This handoff is sealed for a key, and there is none on this machine.',
        'Make one and give its public key to the publisher: cclink init',
      );
    }
    return own;
  }

  /** Overwrites the secrets. */
  forget(): void {
    this.pin.fill(0);
  }

  private async readAnew(record: SignedRecord): Promise<FoundHandoff> {
    const { subject } = this;
    const payload = modeOf(record) === 'pin' ? await this.openWithPin(record) : await this.openWithKey(record);
    // Only now is it known for sure whose key this is, where an encrypted key has no public key beside it.
    const known = subject.own?.knownPublicKey ?? null;
    const isOwn = subject.isOwn || (known !== null && samePublicKey(known, subject.publicKey));
    return { subject: { ...subject, isOwn }, record, payload, local: localSession(this.context, payload) };
  }

  private async openWithKey(record: SignedRecord): Promise<Payload> {
    const { own, isOwn } = this.subject;
    if (own !== null && own.knownPublicKey !== null && !isFor(record, this.subject, own.knownPublicKey)) {
      throw sealedForAnother(record, isOwn);
    }
    const payload = await openRecord(record, await this.ownKey().open());
    if (payload === null) throw sealedForAnother(record, isOwn);
    return payload;
  }

  /** Opens a record with the PIN that there is, else with one that is asked for, up to three times. */
  private async openWithPin(record: SignedRecord): Promise<Payload> {
    const { environment, output, questions } = this.context;
    let payload = this.pin.length > 0 ? await this.tryPin(record) : null;
    for (let left = environment.pin === undefined ? PIN_TRIES : 0; payload === null && left > 0; left--) {
      if (this.pin.length > 0) output.warn('that is not the PIN; try again.');
      const typed = await questions.secret('PIN of the handoff');
      this.pin.fill(0);
      this.pin = Buffer.from(typed);
      payload = await this.tryPin(record);
    }
    if (payload !== null) return payload;
    throw new Failure(
      'cannot-open',
      'That is not the PIN of this handoff.',
      'Ask the publisher for it, and pick up again.',
    );
  }

  private tryPin(record: SignedRecord): Promise<Payload | null> {
    return this.context.output.progress('Deriving the key of the PIN …', openRecord(record, { pin: this.pin }));
  }
}

/** Whether the record says that it is sealed for `ownKey`; true where it does not say it in a form that can be compared. */
function isFor(record: SignedRecord, subject: Subject, ownKey: Uint8Array): boolean {
  if (record.recipient === null) return samePublicKey(subject.publicKey, ownKey);
  try {
    return samePublicKey(parsePublicKey(record.recipient), ownKey);
  } catch {
    return true;
  }
}

function sealedForAnother(record: SignedRecord, isOwn: boolean): Failure {
  if (isOwn) {
    return new Failure(
      'cannot-open',
      `You sealed this handoff for another key: ${record.recipient}. Only its owner can open it.`,
      'To take it back: cclink revoke',
    );
  }
  return new Failure(
    'cannot-open',
    record.recipient === null
      ? 'This handoff is sealed for its publisher alone.'
      : `This handoff is sealed for another key: ${record.recipient}.`,
    'Ask the publisher to seal it for yours: cclink --share <your public key> (you see it with cclink whoami)',
  );
}
