import { sign } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { mustBeFolder, publishWithBundle } from '../handoff/publish-bundle.ts';
import type { Audience } from '../handoff/seal.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { interruptible } from '../interruption.ts';
import { describeSize } from '../size.ts';
import { departureJson, departureLines, filesJson, tellMissing, traceDeparture } from '../terminal/departure-view.ts';
import { printable } from '../terminal/printable.ts';
import type { BundleAudience } from '../travel/bundle/manifest.ts';
import { type Context, nowSeconds, openBundles } from './context.ts';
import { type LeavingSession, leavingSession } from './leaving-session.ts';
import { tellOfLeftBundles } from './left-bundles.ts';
import { sessionExport } from './session-export.ts';

/** A session that is put, sealed, into a folder beside its handoff. */
export interface SessionInFolder {
  /** Absolute. */
  readonly folder: string;
  readonly leaving: LeavingSession;
}

/**
 * The session `id`, as it is to be put into a folder: what is for somebody else is frozen, looked through and
 * asked about, unless `masks` is false. The caller closes what leaves.
 *
 * Throws `refused` if there is no such folder, and as `sessionExport` and `leavingSession` do.
 */
export async function sessionForFolder(
  context: Context,
  id: string,
  folder: string,
  { audience, ...how }: { readonly audience: Audience; readonly masks: boolean; readonly isDryRun: boolean },
): Promise<SessionInFolder> {
  mustBeFolder(folder);
  const exported = sessionExport(context, id);
  const afterStop = 'Nothing was published.';
  const leaving = await leavingSession(context, { ...how, exported, audience: bundleAudience(audience), afterStop });
  return { folder, leaving };
}

/** What would be put into the folder: as lines of a table, and as members of a JSON result. */
export async function describeGoing({ output }: Context, { folder, leaving }: SessionInFolder) {
  const { manifest, bytes } = await leaving.described();
  traceDeparture(output, manifest);
  return {
    lines: [['Its files', `into ${printable(folder)}`] as const, ...departureLines(manifest, bytes)],
    json: { ...departureJson(manifest, leaving.found), files: filesJson(manifest) },
  };
}

/**
 * Puts a session into its folder, and then calls `publish` with the `t` of its handoff. `departed` is what
 * the JSON result tells of the files. Throws as `publishWithBundle` does.
 */
export async function publishFromFolder<T extends { readonly seq: number }>(
  context: Context,
  { folder, leaving }: SessionInFolder,
  { identity, ttl }: { readonly identity: Identity; readonly ttl: number },
  publish: (t: Uint8Array) => Promise<T>,
): Promise<{ readonly published: T; readonly departed: object }> {
  const { output } = context;
  let departed = {};
  const place = {
    folder,
    address: identity.publicKey,
    until: () => Number(nowSeconds()) + ttl,
    bundles: openBundles(context),
  };
  const seal = {
    from: encodePublicKey(identity.publicKey),
    sign: (message: Uint8Array) => sign(identity.seed, message),
  };
  const { published, notRemoved } = await publishWithBundle(
    place,
    async ({ path, recipient, handoff }) => {
      const writing = leaving.write({ kind: 'file', path, exists: false }, { ...seal, recipient, handoff }, 'Sealing');
      const written = await interruptible('Interrupted; nothing was published.', undefined, writing);
      if (written === null) throw nameTaken(folder);
      const { manifest, bytes } = written;
      departed = departureJson(manifest, leaving.found);
      output.say(`Its files are in ${printable(folder)}: ${describeSize(bytes)}, sealed.`);
      if (leaving.found === null) return;
      tellMissing(output, manifest);
    },
    publish,
  );
  tellOfLeftBundles(context, notRemoved);
  return { published, departed };
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
