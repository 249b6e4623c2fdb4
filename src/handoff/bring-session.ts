import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { importBundle } from '../travel/arriving/import.ts';
import type { Imported, ImportPorts } from '../travel/arriving/importing.ts';
import { BundleFailure } from '../travel/bundle/bundle-failure.ts';
import { type Bundle, readBundle } from '../travel/bundle/bundle-reader.ts';
import { type Manifest, unpackedBytes } from '../travel/bundle/manifest.ts';
import { trustOf } from '../travel/bundle/trust.ts';
import { fileHolds } from '../travel/file-blocks.ts';
import { lookIntoFolder, waitForBundle } from '../travel/folder.ts';
import { bundleName, digestOfT } from '../travel/handoff-keys.ts';
import { exportOverSsh } from '../travel/ssh.ts';
import { type Bringing, type BringSource, isWantedOtherwise } from './bringing.ts';
import { compareCopy } from './local-copy.ts';
import type { FoundHandoff } from './reader.ts';
import { expiresAt } from './record.ts';

/** A session whose files were brought here. */
export interface Brought {
  readonly imported: Imported;
  /** Whether the user was asked: not if there was nothing to write. */
  readonly isConfirmed: boolean;
}

/**
 * What a pickup does around the question of the import. `before`: what has come is shown, and asked about.
 */
export interface AroundQuestion {
  /** Whether a yes burns the handoff too. */
  readonly burns: boolean;
  readonly before: () => void;
  /** Called if what came was compared with what is here, and is no newer. */
  readonly nothingNewer: () => void;
  /** How long the handoff can still be taken, in milliseconds; called again after a yes. */
  readonly leftMs: () => number;
  /** What is thrown if it ended while its files were waited for, or while the question was open. */
  readonly tooLate: (meanwhile: 'waiting' | 'asking') => Failure;
  /** What is thrown after a no. */
  readonly no: () => Failure;
}

/**
 * Brings the files of a handoff's session here, from the host that the user named, else from the folder, for
 * which it waits where they are needed: where they are not here, seem to be older, or are wanted otherwise.
 * Null if what is here is as new.
 *
 * Throws `no-session` if they did not arrive, `network` if the host can't be asked, `refused` for a bundle
 * that is not this handoff's, `interrupted` for a no, and what `importBundle` does.
 */
export async function bringSession(
  found: FoundHandoff,
  bringing: Bringing,
  question: AroundQuestion,
): Promise<Brought | null> {
  const { ssh, folder } = bringing;
  if (ssh !== null) return bringOverSsh(found, bringing, ssh, question);
  return folder === null ? null : bringFromFolder(found, bringing, folder, question);
}

async function bringFromFolder(
  found: FoundHandoff,
  bringing: Bringing,
  folder: string,
  question: AroundQuestion,
): Promise<Brought | null> {
  const { record, payload, local } = found;
  const { t } = payload;
  if (t === undefined) return null;
  const handoff = { t, address: record.publicKey };
  const { waiting, checking, whileWaiting } = bringing.ports;
  const isNeeded = !local.here || isWantedOtherwise(found, bringing) || compareCopy(found) === 'older';
  // After its end nobody can take it: not all of the time that was given is waited then.
  const waitMs = Math.min(bringing.waitMs ?? Number.POSITIVE_INFINITY, Math.max(1, question.leftMs()));
  const looking = isNeeded
    ? waitForBundle(folder, handoff, waitMs, (absence) => waiting(folder, absence), checking).catch(
        (error: unknown) => {
          throw question.leftMs() > 0 ? error : question.tooLate('waiting');
        },
      )
    : lookIntoFolder(folder, handoff, checking).catch(notNeeded);
  const there = await whileWaiting(looking);
  if (there === null || !('bundle' in there)) return null;
  try {
    mustBeOf(there.bundle.manifest, found, t);
    const source = { kind: 'folder', folder, bytes: there.bytes } as const;
    const brought = await take(there.bundle, found, { bringing, source, question });
    if (brought !== null || question.burns) await noteTaken(found, folder, t, bringing);
    return brought;
  } finally {
    await there.close();
  }
}

/** What is here goes on without a folder that can't be read. */
function notNeeded(error: unknown): null {
  if (error instanceof Failure) return null;
  throw error;
}

/** Notes a bundle that was taken, so that it is removed with its handoff. */
async function noteTaken(
  { record }: FoundHandoff,
  folder: string,
  t: Uint8Array,
  { bundles }: Bringing,
): Promise<void> {
  const { publicKey } = record;
  const bundle = { folder, name: bundleName(t, publicKey), address: encodePublicKey(publicKey) };
  try {
    await bundles.note({ ...bundle, until: Number(expiresAt(record)) });
  } catch (error) {
    // The session is here; whoever wrote the bundle removes it too.
    if (!(error instanceof Failure)) throw error;
  }
}

async function bringOverSsh(
  found: FoundHandoff,
  bringing: Bringing,
  host: string,
  question: AroundQuestion,
): Promise<Brought | null> {
  const { asking, sshSays, whileWaiting } = bringing.ports;
  const { session } = found.payload;
  const { variables, home, canAsk } = bringing;
  asking(host);
  const ssh = exportOverSsh({ host, session, variables, home, canAsk, says: sshSays });
  try {
    const isAsked = ({ session: sent, audience }: Manifest) =>
      sent === session && audience.mode === 'recipient' && audience.recipient === ssh.recipient;
    const notAsked = () =>
      notOfThis(
        `What ${host} sent is not what it was asked for.`,
        `A start-up file of the shell there may print something (~/.bashrc). This must print nothing: ssh -T ${host} true`,
      );
    const bundle = await whileWaiting(readBundle(ssh.source, { secrets: async () => [ssh.secret()] })).catch(
      (error) => {
        // There is no file that the user could look at.
        throw error instanceof BundleFailure && error.defect === 'no bundle' ? notAsked() : error;
      },
    );
    if (!isAsked(bundle.manifest)) throw notAsked();
    const source = { kind: 'ssh', host, bytes: unpackedBytes(bundle.manifest) } as const;
    return await take(bundle, found, { bringing, source, question });
  } finally {
    ssh.close();
  }
}

/** Imports a bundle that is newer than what is here; null if it is not. */
async function take(
  bundle: Bundle,
  found: FoundHandoff,
  how: { readonly bringing: Bringing; readonly source: BringSource; readonly question: AroundQuestion },
): Promise<Brought | null> {
  const { bringing, source, question } = how;
  const { record, subject, local, isProvenOwn } = found;
  if (!isWantedOtherwise(found, bringing) && isAsNew(local, bundle.manifest)) {
    bringing.ports.nothingNewer(source);
    question.nothingNewer();
    return null;
  }
  const overSsh = source.kind === 'ssh';
  const trust = trustOf(bundle.manifest, bundle.signer, {
    own: subject.own?.isProven ? subject.own.knownPublicKey : null,
    // Whoever published the handoff signed what lies in the folder.
    from: bringing.from ?? (overSsh || isProvenOwn ? null : record.publicKey),
    overSsh,
  });
  if (isProvenOwn && !overSsh && trust !== 'own') {
    throw notOfThis(
      'What lies in the folder for this handoff of yours is not signed by your key.',
      'Somebody else put it there. Publish again, and look at who may write to that folder.',
    );
  }
  const ports = bringing.ports.forImport(trust, source, { burns: question.burns, told: found });
  let isConfirmed = false;
  const around: Pick<ImportPorts, 'show' | 'confirm'> = {
    show(arriving) {
      question.before();
      ports.show(arriving);
    },
    async confirm(plan) {
      isConfirmed = await ports.confirm(plan);
      if (!isConfirmed) throw question.no();
      if (question.leftMs() <= 0) throw question.tooLate('asking');
      return true;
    },
  };
  try {
    const importing = importBundle(bundle, await bringing.importOptions(trust), { ...ports, ...around });
    const imported = await bringing.ports.whileWaiting(importing);
    return { imported, isConfirmed };
  } finally {
    ports.ended();
  }
}

/**
 * Whether the session here has gone on at least as far, by the times of both. One that went on later may have
 * gone on from an earlier place: if it does not hold the last that was said there, an import must compare.
 */
function isAsNew({ here, defect, lastChangeMs, transcript }: FoundHandoff['local'], { lastChange }: Manifest): boolean {
  if (!here || defect === 'empty' || lastChangeMs === null || lastChange === null || transcript === null) return false;
  const afterMs = lastChangeMs - Date.parse(lastChange);
  return afterMs === 0 || (afterMs > 0 && fileHolds(transcript, `"timestamp":"${lastChange}"`));
}

/** Throws `refused` for a bundle that was made for another handoff: an old copy, or a replay. */
function mustBeOf({ session, handoff }: Manifest, { record, payload }: FoundHandoff, t: Uint8Array): void {
  const isOf =
    session === payload.session &&
    handoff !== null &&
    handoff.address === encodePublicKey(record.publicKey) &&
    handoff.t === digestOfT(t);
  if (isOf) return;
  throw notOfThis(
    'What lies in the folder under the name of this handoff belongs to another one: an old copy, or a replay.',
    'Publish again, and look at who may write to that folder.',
  );
}

function notOfThis(message: string, hint: string): Failure {
  return new Failure('refused', `${message} Nothing was imported, and nothing burnt.`, hint);
}
