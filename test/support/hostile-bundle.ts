import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { sealTo } from '../../src/crypto/age.ts';
import { publicKeyOf, sign } from '../../src/crypto/ed25519.ts';
import { x25519PublicOf } from '../../src/crypto/x25519.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';

/** An entry of a tar file, as anybody may write it. */
export interface TarEntry {
  /** Up to 100 bytes. */
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /**
   * `0` a file, `1` a hard link, `2` a symbolic link, `3` a device, `5` a folder, `x` PAX, `L` a long name.
   */
  readonly type?: string;
  /** Where a link leads. */
  readonly link?: string;
  /** What is before the name, up to 155 bytes: tar joins the two with a slash. */
  readonly prefix?: string;
  /** The size that the header states; that of `content` if not given. */
  readonly size?: number;
  readonly mode?: number;
}

const BLOCK = 512;
/** When every bundle was made, and every entry of it last changed. */
const CREATED_AT = '2026-11-20T21:53:00.000Z';
/** Two blocks of zeros end a tar file. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** The blocks of one entry: a header of POSIX ustar, and the content filled up. */
export function tarEntry(entry: TarEntry): Buffer {
  const { name, content = '', type = '0', link = '', prefix = '', mode = 0o600 } = entry;
  const body = Buffer.from(content as string);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  Buffer.from(name as string).copy(header, 0, 0, 100);
  header.write(octal(mode, 8), 100, 'latin1');
  header.write(octal(0, 8), 108, 'latin1');
  header.write(octal(0, 8), 116, 'latin1');
  header.write(octal(entry.size ?? body.length, 12), 124, 'latin1');
  header.write(octal(Date.parse(CREATED_AT) / 1000, 12), 136, 'latin1');
  header.write(' '.repeat(8), 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write(link, 157, 100, 'utf8');
  header.write('ustar\0' + '00', 257, 'latin1');
  header.write(octal(0, 8) + octal(0, 8), 329, 'latin1');
  header.write(prefix, 345, 155, 'utf8');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

/**
 * A PAX header for the entry behind it: `path`, `size`, `linkpath`. `g` in place of `x`: for all that follow.
 */
export function paxHeader(values: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): TarEntry {
  const lines = Object.entries(values).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (String(length).length + Buffer.byteLength(rest) > length) length += 1;
    return `${length}${rest}`;
  });
  return { name: 'pax', type, content: lines.join('') };
}

/** What a bundle says of itself, as JSON: anything may stand in it. */
export type RawManifest = Record<string, unknown> & { files: unknown[] };

export type BundleFiles = Readonly<Record<string, string | Buffer>>;

/**
 * A bundle, and what is wrong with it: each step may be changed. What is not given is done as it should be.
 */
export interface BundleRecipe {
  /** The content of its files by name, the transcript first. */
  readonly files?: BundleFiles;
  readonly manifest?: (manifest: RawManifest) => unknown;
  /** The manifest's text, after it was changed, before it is signed. */
  readonly manifestText?: (text: string) => string | Buffer;
  /** The seed that signs it, and whose key `from` names; null for nobody. */
  readonly signer?: Uint8Array | null;
  /** The 64 bytes of the signature. */
  readonly signature?: (signature: Buffer) => Buffer;
  readonly entries?: (entries: TarEntry[]) => TarEntry[];
  /** The whole tar file. */
  readonly tar?: (tar: Buffer) => Buffer;
  readonly packed?: (gzip: Buffer, tar: Buffer) => Buffer;
  readonly sealed?: (age: Buffer) => Buffer;
}

export const BUNDLE_SESSION = '77777777-7777-4777-8777-777777777777';
/** Where the session of a bundle was: on nobody's machine. */
export const THERE = {
  directory: '/home/mallory/proj',
  home: '/home/mallory',
  claudeFolder: '/home/mallory/.claude',
  projectFolder: '-home-mallory-proj',
} as const;

/** A record of a conversation as Claude Code writes it, compactly; `rest` comes before its common fields. */
export function record(rest: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    parentUuid: null,
    isSidechain: false,
    ...rest,
    timestamp: '2026-11-20T21:52:34.608Z',
    userType: 'external',
    entrypoint: 'cli',
    cwd: THERE.directory,
    sessionId: BUNDLE_SESSION,
    version: '2.1.329',
    gitBranch: 'main',
  });
}

/** The uuid of the record with this number. */
export const uuidOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** A user's prompt, or an answer if `number` is odd, that continues the record before it. */
export function turnRecord(number: number, text = `text ${number}`): string {
  const type = number % 2 === 0 ? 'user' : 'assistant';
  const content = type === 'user' ? text : [{ type: 'text', text }];
  return record({
    parentUuid: number === 0 ? null : uuidOf(number - 1),
    type,
    message: { role: type, content },
    uuid: uuidOf(number),
  });
}

/** A transcript of these lines. */
export const lines = (...all: readonly (string | Buffer)[]) =>
  Buffer.concat(all.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')]));

/** A conversation of four records. */
export const PLAIN_TRANSCRIPT = lines(...[0, 1, 2, 3].map((number) => turnRecord(number)));

/** Makes a bundle as docs/PROTOCOL.md says, with nothing of the code that reads and writes them. */
export async function makeBundle(recipient: Uint8Array, recipe: BundleRecipe = {}): Promise<Buffer> {
  const { signer = null, files = { 'session.jsonl': PLAIN_TRANSCRIPT } } = recipe;
  const changed = recipe.manifest?.(manifestOf(files, signer)) ?? manifestOf(files, signer);
  const text = JSON.stringify(changed);
  const manifest = Buffer.from((recipe.manifestText?.(text) ?? text) as string);
  const entries: TarEntry[] = [{ name: 'manifest.json', content: manifest }];
  if (signer !== null) {
    const signature = Buffer.from(sign(signer, Buffer.concat([Buffer.from('cclink-bundle-v1\0'), manifest])));
    entries.push({ name: 'manifest.sig', content: recipe.signature?.(signature) ?? signature });
  }
  for (const [name, content] of Object.entries(files)) entries.push({ name, content });
  const whole = Buffer.concat([...(recipe.entries?.(entries) ?? entries).map(tarEntry), TAR_END]);
  const tar = recipe.tar?.(whole) ?? whole;
  const gzip = gzipSync(tar, { level: 1 });
  const sealed = Buffer.from(await sealTo(await x25519PublicOf(recipient), recipe.packed?.(gzip, tar) ?? gzip));
  return recipe.sealed?.(sealed) ?? sealed;
}

function manifestOf(files: BundleFiles, signer: Uint8Array | null): RawManifest {
  return {
    format: 1,
    session: BUNDLE_SESSION,
    title: null,
    turns: 2,
    lastPrompt: 'text 2',
    lastChange: '2026-11-20T21:52:34.000Z',
    ...THERE,
    platform: 'linux',
    host: 'elsewhere',
    claudeVersion: '2.1.329',
    git: null,
    tools: [],
    mcpServers: [],
    from: signer === null ? null : encodePublicKey(publicKeyOf(signer)),
    audience: { mode: 'self' },
    createdAt: CREATED_AT,
    handoff: null,
    files: Object.entries(files).map(([name, content]) => ({
      name,
      bytes: Buffer.from(content as string).length,
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
    left: [],
  };
}
