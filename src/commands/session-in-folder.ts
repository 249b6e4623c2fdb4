import { sign } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { publishWithBundle } from '../handoff/publish-bundle.ts';
import type { Audience } from '../handoff/seal.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { interruptible } from '../interruption.ts';
import { describeSize } from '../size.ts';
import { printable } from '../terminal/printable.ts';
import { transferProgress } from '../terminal/transfer-progress.ts';
import type { BundleAudience } from '../travel/bundle/manifest.ts';
import { exportToFile } from '../travel/export.ts';
import { type Context, nowSeconds, openBundles } from './context.ts';
import { tellOfLeftBundles } from './left-bundles.ts';
import { type SessionExport, sessionExport } from './session-export.ts';

/** A session that is put, sealed, into a folder beside its handoff. */
export interface SessionInFolder {
  /** Absolute. */
  readonly folder: string;
  readonly exported: SessionExport;
}

/** The session `id`, as it is to be put into a folder. Throws as `sessionExport` does. */
export function sessionForFolder(context: Context, id: string, folder: string): SessionInFolder {
  return { folder, exported: sessionExport(context, id) };
}

/**
 * Puts a session into its folder, and then calls `publish` with the `t` of its handoff. Throws as
 * `publishWithBundle` does.
 */
export async function publishFromFolder<T extends { readonly seq: number }>(
  context: Context,
  { folder, exported }: SessionInFolder,
  { identity, audience, ttl }: { readonly identity: Identity; readonly audience: Audience; readonly ttl: number },
  publish: (t: Uint8Array) => Promise<T>,
): Promise<T> {
  const { output } = context;
  const { contents, options } = exported;
  const place = {
    folder,
    address: identity.publicKey,
    until: () => Number(nowSeconds()) + ttl,
    bundles: openBundles(context),
  };
  const exporting = { ...options, audience: bundleAudience(audience), from: encodePublicKey(identity.publicKey) };
  const { published, notRemoved } = await publishWithBundle(
    place,
    async ({ path, recipient, handoff }) => {
      const progress = transferProgress(output, 'Sealing', contents().bytes);
      const seal = { recipient, sign: (message: Uint8Array) => sign(identity.seed, message), mayReplace: false };
      try {
        // Each byte is read twice.
        const onRead = (bytes: number) => progress.moved(bytes / 2);
        const writing = exportToFile(path, contents, { ...exporting, handoff, onRead }, seal);
        const written = await interruptible('Interrupted; nothing was published.', undefined, writing);
        if (written === null) throw nameTaken(folder);
        output.say(`Its files are in ${printable(folder)}: ${describeSize(written.bytes)}, sealed.`);
      } finally {
        progress.end();
      }
    },
    publish,
  );
  tellOfLeftBundles(context, notRemoved);
  return published;
}

function bundleAudience(audience: Audience): BundleAudience {
  return audience.mode === 'share'
    ? { mode: 'share', publicKey: encodePublicKey(audience.publicKey) }
    : { mode: audience.mode };
}

/** Nobody can guess the name of a bundle. */
function nameTaken(folder: string): Failure {
  return new Failure(
    'refused',
    `Something in ${folder} took the name of the bundle. Nothing was published.`,
    'Try again.',
  );
}
