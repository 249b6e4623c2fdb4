import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slugOf } from '../../src/claude/folders.ts';
import { x25519SecretOf } from '../../src/crypto/x25519.ts';
import { importBundle } from '../../src/travel/arriving/import.ts';
import type { Imported } from '../../src/travel/arriving/importing.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import { trustOf } from '../../src/travel/bundle/trust.ts';
import { chunked } from './chunks.ts';
import type { TestKey } from './test-key.ts';

/** A session's own text, which nothing may change. */
const OTHER_SESSION = '99999999-9999-4999-8999-999999999999';

/**
 * A machine on which bundles arrive, below `root`: a home with Claude Code's folder, in which are settings,
 * credentials and another session, and a directory for the session to live in.
 */
export class Receiver {
  readonly root: string;
  readonly home: string;
  readonly claudeFolder: string;
  readonly stateFolder: string;
  readonly directory: string;
  readonly key: TestKey;
  readonly #before: ReadonlyMap<string, string>;

  constructor(root: string, key: TestKey) {
    this.root = root;
    this.key = key;
    this.home = join(root, 'home');
    this.claudeFolder = join(this.home, '.claude');
    this.stateFolder = join(root, 'state');
    this.directory = join(this.home, 'work');
    const project = join(this.claudeFolder, 'projects', slugOf(this.directory));
    for (const folder of [project, this.stateFolder, this.directory])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    const files = {
      [join(this.home, '.claude.json')]: '{"mcpServers":{}}',
      [join(this.home, '.bashrc')]: 'true\n',
      [join(this.claudeFolder, 'settings.json')]: '{"permissions":{"deny":["Bash"]}}',
      [join(this.claudeFolder, '.credentials.json')]: '{"claudeAiOauth":{}}',
      [join(this.claudeFolder, 'CLAUDE.md')]: 'Be brief.\n',
      [join(project, `${OTHER_SESSION}.jsonl`)]: '{}\n',
    };
    for (const [path, text] of Object.entries(files)) writeFileSync(path, text, { mode: 0o600 });
    this.#before = this.snapshot();
  }

  /** Imports a bundle into its directory, as somebody does who says yes to everything. */
  async take(
    bundle: Uint8Array | AsyncIterable<Uint8Array>,
    { from = null }: { from?: Uint8Array | null } = {},
  ): Promise<Imported> {
    const source = bundle instanceof Uint8Array ? chunked(bundle, 65_536) : bundle;
    const opened = await readBundle(source, { secrets: async () => [x25519SecretOf(this.key.seed)] });
    try {
      const expected = { own: this.key.publicKey, from, overSsh: false };
      const trust = trustOf(opened.manifest, opened.signer, expected);
      return await importBundle(
        opened,
        {
          places: {
            claudeFolder: this.claudeFolder,
            workingDirectory: this.directory,
            stateFolder: this.stateFolder,
            home: this.home,
            variables: {},
          },
          trust,
          into: this.directory,
          maps: [],
          asNew: false,
          claude: { version: null, options: new Set() },
          host: 'desk',
          now: Date.now,
        },
        { progress: () => {}, show: () => {}, chooseDirectory: async () => this.directory, confirm: async () => true },
      );
    } finally {
      await opened.close();
    }
  }

  /** The files that are there now, and were not at first. */
  written(): string[] {
    return [...this.snapshot().keys()].filter((path) => !this.#before.has(path)).map((path) => join(this.root, path));
  }

  /** What an import that was given up left behind: anything in a folder or file that is marked as its own. */
  leftOvers(): string[] {
    return readdirSync(this.root, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('incoming'));
  }

  /** Everything below its root: kind, mode and content of each, by path. Empty folders don't count. */
  snapshot(): Map<string, string> {
    const found = new Map<string, string>();
    const visit = (path: string) => {
      const entry = lstatSync(path);
      if (entry.isDirectory()) {
        for (const name of readdirSync(path)) visit(join(path, name));
        return;
      }
      const content = entry.isSymbolicLink() ? readlinkSync(path) : entry.isFile() ? readFileSync(path) : 'special';
      const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
      found.set(path.slice(this.root.length + 1), `${entry.mode.toString(8)} ${digest}`);
    };
    visit(this.root);
    return found;
  }
}
