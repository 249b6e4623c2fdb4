import type { AgeRecipient } from '../crypto/age-file.ts';
import { streamToFile } from '../files/stream-to-file.ts';
import { whileMoving } from '../terminal/transfer-progress.ts';
import type { Manifest } from '../travel/bundle/manifest.ts';
import { UNSIGNED } from '../travel/leaving/departing-manifest.ts';
import { exportToFile, type PreparedExport, prepareExport } from '../travel/leaving/export.ts';
import type { FoundSecrets, FrozenSession } from '../travel/leaving/frozen-session.ts';
import type { Context } from './context.ts';
import { type Target, writeThrough } from './export-target.ts';
import type { Leaving } from './masking.ts';

/** A session that may leave, once or not at all. */
export interface LeavingSession {
  /** What looked like a secret in it; null if nothing was looked for. */
  readonly found: readonly FoundSecrets[] | null;
  /** As it leaves. */
  title(): string | null;
  /** What would leave, and how much that is before it is packed, in bytes. */
  described(): Promise<Pick<PreparedExport, 'manifest' | 'bytes'>>;
  /**
   * Writes it, sealed, and shows how far that has got after `label`, a word like `Exporting`. Returns also
   * how many bytes were written; null if a file has taken the name that was free.
   *
   * Throws what `prepareExport` and `streamToFile` throw.
   */
  write(target: Target, seal: DepartureSeal, label: string): Promise<DepartedSession | null>;
  close(): void;
}

/** For whom it is sealed, who signs it, and which handoff it belongs to. */
interface DepartureSeal extends Pick<Manifest, 'from' | 'handoff'> {
  readonly recipient: AgeRecipient;
  readonly sign: Parameters<PreparedExport['stream']>[1];
}

export interface DepartedSession {
  readonly manifest: Manifest;
  readonly bytes: number;
}

/**
 * A session on its way out. One's own leaves as it is at the time when it is written, as does any with
 * `masks` false. For somebody else it is frozen now, and its user decides about the secrets in it.
 *
 * Throws as `frozenForOthers` does.
 */
export async function leavingSession(
  context: Context,
  { masks, ...leaving }: Leaving & { readonly masks: boolean },
): Promise<LeavingSession> {
  if (leaving.audience.mode === 'self') return asItIs(context, leaving);
  if (masks) {
    // What knows secrets is large, and one's own sessions do without.
    const { frozenForOthers } = await import('./masking.ts');
    return asFrozen(context, await frozenForOthers(context, leaving));
  }
  context.output.say(NOT_MASKED);
  return asItIs(context, leaving);
}

const NOT_MASKED =
  'Nothing is masked: whoever opens it reads all that was said and shown in it, keys, passwords and files like .env too.';

function asItIs({ output }: Context, { exported: { contents, options }, audience }: Leaving): LeavingSession {
  const exporting = { ...options, audience };
  return {
    found: null,
    title: () => options.session.title,
    described: async () =>
      whileMoving(output, 'Reading', contents().bytes, async (onRead) => {
        const prepared = await prepareExport(contents, { ...exporting, ...UNSIGNED, onRead });
        prepared.close();
        return prepared;
      }),
    write: async (target, { from, handoff, recipient, sign }, label) =>
      whileMoving(output, label, contents().bytes, async (moved) => {
        const onRead = (bytes: number) => moved(bytes / 2); // it is read twice
        if (target.kind === 'file') {
          const seal = { recipient, sign, mayReplace: target.exists };
          return exportToFile(target.path, contents, { ...exporting, from, handoff, onRead }, seal);
        }
        const prepared = await prepareExport(contents, { ...exporting, from, handoff, onRead });
        try {
          const bytes = await writeThrough(target, prepared.stream(recipient, sign));
          return { manifest: prepared.manifest, bytes };
        } finally {
          prepared.close();
        }
      }),
    close() {},
  };
}

function asFrozen({ output }: Context, frozen: FrozenSession): LeavingSession {
  return {
    found: frozen.found,
    title: () => frozen.prepared(UNSIGNED).manifest.title,
    described: async () => frozen.prepared(UNSIGNED),
    write: async (target, { from, handoff, recipient, sign }, label) =>
      whileMoving(output, label, frozen.bytes, async (moved) => {
        const { manifest, stream } = frozen.prepared({ from, handoff }, moved);
        const sealed = stream(recipient, sign);
        const bytes = await (target.kind === 'file'
          ? streamToFile(target.path, sealed, { mayReplace: target.exists })
          : writeThrough(target, sealed));
        return bytes === null ? null : { manifest, bytes };
      }),
    close: () => frozen.close(),
  };
}
