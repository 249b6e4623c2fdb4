import { ageIdentity, ageRecipient } from '../crypto/age.ts';
import { x25519PublicOf, x25519SecretOf } from '../crypto/x25519.ts';
import { Failure } from '../failure.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey, fingerprint } from '../identity/public-key.ts';
import type { Copied } from '../terminal/clipboard.ts';
import { describeLines } from '../terminal/handoff-view.ts';
import { printable } from '../terminal/printable.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { withOwnKey } from './secrets.ts';

interface WhoamiOptions {
  readonly copy?: boolean;
  readonly qr?: boolean;
  readonly ageIdentity?: boolean;
}

export const command: Declaration<WhoamiOptions> = {
  summary: 'your public key, for others to share with',
  options: [
    { flags: '--copy', description: 'copy the public key to the clipboard' },
    { flags: '--qr', description: 'draw the public key as a QR code' },
    { flags: '--age-identity', description: 'print the secret key as an age identity, after asking' },
  ],
  json: true,
  allowedForAgent: ({ ageIdentity }) => !ageIdentity,
  run: ({ context, options }) => whoami(context, options),
};

/** `cclink whoami`: the own public key, for others to share with. */
async function whoami(context: Context, options: WhoamiOptions): Promise<void> {
  const { environment, output } = context;
  if (options.ageIdentity) return withOwnKey(context, (own) => showAgeIdentity(context, own));

  const view = await withOwnKey(context, async (own) =>
    keyView(await own.publicKey(), { keyFile: environment.keyFile, encrypted: own.isEncrypted }),
  );
  output.result(view, output.quiet ? view.publicKey : describeKey(view, output.resultStyle));
  if (options.qr && !output.json) {
    const { drawQr } = await import('../terminal/qr.ts');
    process.stdout.write(`${drawQr(view.publicKey, process.stdout, environment.variables)}\n`);
  }
  if (options.copy) {
    const { copyToClipboard } = await import('../terminal/clipboard.ts');
    const how = copyToClipboard(view.publicKey, environment.variables);
    if (how === null) output.warn('there is no clipboard to copy to here; the public key stands above.');
    else output.say(COPIED[how.kind](how.by));
  }
}

const COPIED: Readonly<Record<Copied['kind'], (by: string) => string>> = {
  copied: (by) => `Public key copied by ${by}.`,
  'in tmux': () =>
    'Public key copied to tmux (paste: its prefix, then ]). tmux has asked the terminal to copy it too; whether it did, it does not say.',
  asked: () =>
    'The terminal was asked to copy the public key (OSC 52). Whether it did, it does not say: try to paste it.',
};

/** What `whoami` and `init` report of a key. */
export interface KeyView {
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly ageRecipient: string;
  readonly keyFile: string;
  readonly encrypted: boolean;
}

export async function keyView(publicKey: Uint8Array, file: Pick<KeyView, 'keyFile' | 'encrypted'>): Promise<KeyView> {
  return {
    publicKey: encodePublicKey(publicKey),
    fingerprint: fingerprint(publicKey),
    ageRecipient: ageRecipient(await x25519PublicOf(publicKey)),
    ...file,
  };
}

export function describeKey(view: KeyView, style: Parameters<typeof describeLines>[1]): string {
  return describeLines(
    [
      ['Public key', style.bold(view.publicKey)],
      ['Short', view.fingerprint],
      ['age', view.ageRecipient],
      ['Key file', `${printable(view.keyFile)} (${view.encrypted ? 'encrypted' : 'not encrypted'})`],
    ],
    style,
  );
}

/** Prints the secret key as an age identity, for age's own tools, once a person has said yes. */
async function showAgeIdentity(context: Context, own: OwnKey): Promise<void> {
  const { output, questions } = context;
  // Asked wherever the output goes: `age -i <(cclink whoami --age-identity)` reads it from a pipe.
  if (!(await questions.confirm('This prints the secret key of your identity. Print it?', null))) {
    throw new Failure('interrupted', 'Nothing was printed.');
  }
  const secret = x25519SecretOf((await own.open()).seed);
  const text = ageIdentity(secret);
  secret.fill(0);
  output.result({ ageIdentity: text }, text);
}
