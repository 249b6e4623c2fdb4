import { describeSession } from '../../src/claude/session.ts';
import { type SessionContents, sessionContents } from '../../src/claude/session-contents.ts';
import { findTranscripts, type TranscriptFile } from '../../src/claude/transcript-files.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import type { Manifest } from '../../src/travel/bundle/manifest.ts';
import type { ExportOptions } from '../../src/travel/leaving/export.ts';
import { chunked, collect } from './chunks.ts';

/** Whoever the bundles of tests are for. */
const SECRET = new Uint8Array(32).fill(7);
export const RECIPIENT = { kind: 'x25519', publicKey: x25519PublicOfSecret(SECRET) } as const;

export function transcriptIn(claudeFolder: string, id: string): TranscriptFile {
  const [transcript] = findTranscripts(claudeFolder, id);
  if (transcript === undefined) throw new Error('no transcript');
  return transcript;
}

/** What may leave of a session, as it is whenever this is asked. */
export function contentsIn(claudeFolder: string, id: string): () => SessionContents {
  return () => sessionContents(claudeFolder, transcriptIn(claudeFolder, id), { memory: false, secrets: [] });
}

/** How a session of alice's laptop leaves. */
export function leavingOptions(claudeFolder: string, id: string) {
  return {
    session: describeSession(transcriptIn(claudeFolder, id)),
    withoutThinking: false,
    git: null,
    machine: { home: '/home/alice', host: 'laptop', platform: 'linux' },
    nowMs: Date.parse('2026-11-20T12:30:00.123Z'),
  } satisfies Partial<ExportOptions>;
}

/** What a bundle for `RECIPIENT` holds, by name. */
export async function openedBundle(sealed: Uint8Array): Promise<{ manifest: Manifest; files: Map<string, string> }> {
  const bundle = await readBundle(chunked(sealed, 100_000), { secrets: async () => [Uint8Array.from(SECRET)] });
  const files = new Map<string, string>();
  for await (const { name, content } of bundle.files) files.set(name, (await collect(content)).toString());
  await bundle.close();
  return { manifest: bundle.manifest, files };
}
