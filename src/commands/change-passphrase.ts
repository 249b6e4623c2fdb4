import { type Envelope, openEnvelope, sealSeed } from '../identity/envelope.ts';
import { backupsOf, readKeyFile, rewriteKeyFile, type StoredKey, whileKeyIsLocked } from '../identity/key-file.ts';
import { unlock, wipe } from '../identity/unlock.ts';
import { printable } from '../terminal/printable.ts';
import type { Context } from './context.ts';
import { passphraseSource, replacingPassphrase } from './secrets.ts';
import { describeKey, keyView } from './whoami.ts';

/**
 * `cclink init --change-passphrase`: puts the key under a new passphrase, or under none. The old one is asked
 * for first; the same key stays in its place, and the file that the old one opens does not.
 */
export async function changePassphrase(context: Context, withPassphrase: boolean): Promise<void> {
  const { environment, output } = context;
  const { keyFile } = environment;
  const before = readKeyFile(keyFile);
  const identity = await unlock(keyFile, before, passphraseSource(context));
  try {
    const after = await underNewPassphrase(context, identity.seed, withPassphrase);
    await whileKeyIsLocked(keyFile, () => rewriteKeyFile(keyFile, before, after, identity.publicKey));
    const view = await keyView(identity.publicKey, { keyFile, encrypted: after.kind === 'encrypted' });
    output.result(view, output.quiet ? view.publicKey : describeKey(view, output.resultStyle));
  } finally {
    wipe(identity);
    if (before.kind === 'plain') before.seed.fill(0);
  }
  tellWhatStays(context, before, withPassphrase, backupsOf(keyFile, identity.publicKey));
}

async function underNewPassphrase(context: Context, seed: Uint8Array, withPassphrase: boolean): Promise<StoredKey> {
  if (!withPassphrase) return { kind: 'plain', seed };
  const passphrase = await replacingPassphrase(context);
  try {
    const envelope = await context.output.progress('Encrypting the key …', sealAndCheck(seed, passphrase));
    return { kind: 'encrypted', envelope };
  } finally {
    passphrase.fill(0);
  }
}

/** Nothing else opens the key once its old file is gone, so it is opened once before. */
async function sealAndCheck(seed: Uint8Array, passphrase: Uint8Array): Promise<Envelope> {
  const envelope = await sealSeed(seed, passphrase);
  const opened = await openEnvelope(envelope, passphrase);
  const isSame = opened !== null && Buffer.compare(opened, seed) === 0;
  opened?.fill(0);
  if (isSame) return envelope;
  throw new Error('the key that was sealed does not open');
}

/** What a new passphrase does not reach. */
function tellWhatStays(
  { environment, output }: Context,
  before: StoredKey,
  withPassphrase: boolean,
  backups: readonly string[],
): void {
  const { keyFile, passphraseCommand } = environment;
  if (!withPassphrase) {
    output.say(`The key is not encrypted now: anybody who can read ${printable(keyFile)} can act as you.`);
    return;
  }
  output.say('The key has its new passphrase on this machine; on your others it has the one that it had there.');
  if (before.kind === 'encrypted' && passphraseCommand !== undefined) {
    output.say('CCLINK_PASSPHRASE_COMMAND must print the new one from now on.');
  }
  if (backups.length > 0) {
    output.warn(
      `the same key is, or may be, still in ${backups.map(printable).join(', ')}, as it was when that was kept.`,
    );
  }
}
