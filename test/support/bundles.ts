import { createHash } from 'node:crypto';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import type { BundleContent } from '../../src/travel/bundle/bundle-writer.ts';
import type { Manifest } from '../../src/travel/bundle/manifest.ts';

/** The content of a bundle's files, by name; the transcript is the first. */
export type Contents = Readonly<Record<string, Uint8Array | string>>;

/** The manifest of a session with these files, signed by the owner of a seed or by nobody. */
export function manifestOf(contents: Contents, signer: Uint8Array | null = null): Manifest {
  return {
    format: 1,
    session: '11111111-1111-4111-8111-111111111111',
    title: 'Größer werden',
    turns: 3,
    lastPrompt: 'go on\nplease "now"',
    lastChange: '2026-11-20T21:52:34.608Z',
    directory: '/home/alice/proj',
    home: '/home/alice',
    claudeFolder: '/home/alice/.claude',
    projectFolder: '-home-alice-proj',
    platform: 'linux',
    host: 'büro',
    claudeVersion: '2.1.329',
    git: {
      remote: 'https://example.com/proj.git',
      prefix: '',
      branch: 'main',
      commit: '0123456789abcdef0123456789abcdef01234567',
      changedFiles: 3,
      unpushedCommits: null,
    },
    tools: ['Bash', 'mcp__github__search'],
    mcpServers: ['github'],
    from: signer === null ? null : encodePublicKey(publicKeyOf(signer)),
    audience: { mode: 'self' },
    createdAt: '2026-11-20T21:53:00.123Z',
    handoff: null,
    files: Object.entries(contents).map(([name, content]) => ({
      name,
      bytes: Buffer.from(content as string).length,
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
    left: [{ what: 'a system prompt', why: 'it is sent as it is' }],
  };
}

/** The files as `writeBundle` takes them. */
export async function* filesOf(contents: Contents): AsyncGenerator<BundleContent, void, void> {
  for (const [name, content] of Object.entries(contents)) {
    const bytes = Buffer.from(content as string);
    yield {
      name,
      bytes: bytes.length,
      content: (async function* () {
        yield bytes.subarray(0, 1000);
        yield bytes.subarray(1000);
      })(),
    };
  }
}
