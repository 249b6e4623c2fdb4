import { once } from 'node:events';
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseSessionId } from '../claude/session-id.ts';
import type { AgeRecipient } from '../crypto/age-file.ts';
import { Failure } from '../failure.ts';
import { fileFailure } from '../files/file-failure.ts';
import { interruptible } from '../interruption.ts';
import { quoteForShell } from '../shell-quote.ts';
import { describeSize } from '../size.ts';
import { someOf } from '../terminal/bundle-view.ts';
import { describeUnsaved } from '../terminal/git-view.ts';
import { describeLines } from '../terminal/handoff-view.ts';
import { excerpt, printable, printableJson } from '../terminal/printable.ts';
import { isStandardOutputLost } from '../terminal/standard-streams.ts';
import type { ExportOptions } from '../travel/export.ts';
import type { BundleAudience, Manifest } from '../travel/manifest.ts';
import { chooseSession } from './choose-session.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { parseWho } from './who.ts';

interface ExportCommandOptions {
  readonly output?: string;
  readonly share?: string;
  readonly pin?: boolean;
  readonly recipient?: string;
  readonly with?: string;
  readonly withoutThinking?: boolean;
  readonly dryRun?: boolean;
}

export const command: Declaration<ExportCommandOptions> = {
  argument: '[session-id]',
  summary: 'write a session to a sealed file, to be imported elsewhere',
  options: [
    { flags: '-o, --output <file>', description: 'where to; - is standard output' },
    { flags: '--share <key>', description: "seal it for another's public key", conflicts: ['pin', 'recipient'] },
    { flags: '--pin', description: 'seal it with a PIN', conflicts: ['recipient'] },
    { flags: '--recipient <age1…>', description: 'seal it for an age key, unsigned: needs no key here' },
    { flags: '--with <memory>', description: "take the project's memory along too" },
    { flags: '--without-thinking', description: 'leave out what Claude thought' },
    { flags: '--dry-run', description: 'show what would be sealed, and how large; nothing is written' },
  ],
  help: `Without an id: the session that a bare cclink would publish.

Sealed for yourself unless said otherwise. Without -o, the file is named after
the session and written to the current folder; a pipe or a redirection gets it
itself:
  cclink export | ssh desk cclink import -

Nothing is masked yet: what was shown in the session is in the file. On the other
side: cclink import <file>`,
  yes: true,
  json: true,
  run: ({ context, options, args: [session] }) => exportSession(context, options, session),
};

/** Where the bundle goes: a path, or standard output. */
type Target =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string; readonly exists: Stats | null };

/** For whom it is sealed, and who signs it. */
interface Seal {
  readonly audience: BundleAudience;
  readonly from: string | null;
  readonly recipient: AgeRecipient;
  readonly sign: ((message: Uint8Array) => Uint8Array) | null;
}

/** `cclink export`: writes a session, sealed, to a file or to standard output. */
async function exportSession(
  context: Context,
  options: ExportCommandOptions,
  sessionId: string | undefined,
): Promise<void> {
  if (sessionId !== undefined) parseSessionId(sessionId); // a typing error is told before anything is read
  if (options.with !== undefined && options.with !== 'memory') {
    throw new Failure('usage', `--with ${excerpt(options.with, 30)} is not known.`, 'There is: --with memory');
  }
  if (options.output === '') throw new Failure('usage', 'The name after -o is empty.', 'Write: -o session.cclink');
  if (options.output === '-') refuseTerminal();
  const whom = await audienceOf(options);

  const chosen = await chooseSession(context, sessionId, false);
  const { confirmUnmasked, sessionExport } = await import('./session-export.ts');
  const { transferProgress } = await import('../terminal/transfer-progress.ts');
  let onRead = (_bytes: number) => {};
  const {
    session,
    contents,
    options: common,
  } = sessionExport(context, chosen.id, {
    memory: options.with === 'memory',
    withoutThinking: options.withoutThinking ?? false,
    onRead: (bytes) => onRead(bytes),
  });
  const target = targetOf(context, options.output, nameFor(session));
  const total = contents().bytes;

  /** Does what reads the session, each byte `times` times, and shows how far it has got. */
  const shown = async <T>(times: number, work: () => Promise<T>): Promise<T> => {
    const progress = transferProgress(context.output, 'Exporting', total);
    onRead = (bytes) => progress.moved(bytes / times);
    try {
      return await interruptible('Interrupted; nothing was written.', undefined, work());
    } finally {
      progress.end();
    }
  };

  if (options.dryRun) {
    const { prepareExport } = await import('../travel/export.ts');
    const prepared = await shown(1, () =>
      prepareExport(contents, { ...common, audience: whom, from: null, handoff: null }),
    );
    prepared.close();
    return showDryRun(context, prepared.manifest, target, prepared.bytes);
  }
  await confirmReplacing(context, target);
  if (whom.mode === 'share' || whom.mode === 'pin') await confirmUnmasked(context);
  await withSeal(context, whom, async (seal) => {
    const exportOptions: ExportOptions = { ...common, audience: seal.audience, from: seal.from, handoff: null };
    const { exportToFile, prepareExport } = await import('../travel/export.ts');
    const { streamInto } = await import('../files/stream-to-file.ts');
    const written = await shown(2, async () => {
      if (target.kind === 'file' && (target.exists === null || target.exists.isFile())) {
        return exportToFile(target.path, contents, exportOptions, { ...seal, mayReplace: target.exists !== null });
      }
      const prepared = await prepareExport(contents, exportOptions);
      try {
        const stream = prepared.stream(seal.recipient, seal.sign);
        const bytes = target.kind === 'file' ? await streamInto(target.path, stream) : await writeOut(stream);
        return { manifest: prepared.manifest, bytes };
      } finally {
        prepared.close();
      }
    });
    if (written === null) throw appearedMeanwhile(target);
    tell(context, target, written);
  });
}

/** For whom the session is to be sealed. Throws `usage`. */
async function audienceOf({ share, pin, recipient }: ExportCommandOptions): Promise<BundleAudience> {
  if (share !== undefined) {
    const { encodePublicKey } = await import('../identity/public-key.ts');
    return { mode: 'share', publicKey: encodePublicKey(parseWho(share)) };
  }
  if (recipient !== undefined) {
    const { parseAgeRecipient } = await import('../crypto/age-file.ts');
    parseAgeRecipient(recipient); // before anything is asked
    return { mode: 'recipient', recipient };
  }
  return pin ? { mode: 'pin' } : { mode: 'self' };
}

/** Runs `work` with what seals for `audience`, and wipes it afterwards. */
async function withSeal(
  context: Context,
  audience: BundleAudience,
  work: (seal: Seal) => Promise<void>,
): Promise<void> {
  if (audience.mode === 'recipient') {
    const { parseAgeRecipient } = await import('../crypto/age-file.ts');
    return work({ audience, from: null, recipient: parseAgeRecipient(audience.recipient), sign: null });
  }
  const { withOwnKey } = await import('./secrets.ts');
  const { sign } = await import('../crypto/ed25519.ts');
  const { encodePublicKey, parsePublicKey } = await import('../identity/public-key.ts');
  const { x25519PublicOf } = await import('../crypto/x25519.ts');
  await withOwnKey(context, async (own) => {
    const { publicKey, seed } = await own.open();
    const signed = { audience, from: encodePublicKey(publicKey), sign: (message: Uint8Array) => sign(seed, message) };
    if (audience.mode !== 'pin') {
      const key = audience.mode === 'share' ? parsePublicKey(audience.publicKey) : publicKey;
      return work({ ...signed, recipient: { kind: 'x25519', publicKey: await x25519PublicOf(key) } });
    }
    const { newPin } = await import('./new-pin.ts');
    const { pin } = await newPin(context, 'Anybody who gets hold of the file can try PINs offline.');
    try {
      await work({ ...signed, recipient: { kind: 'passphrase', passphrase: pin } });
    } finally {
      pin.fill(0);
    }
  });
}

function refuseTerminal(): void {
  if (!process.stdout.isTTY) return;
  throw new Failure(
    'usage',
    'A sealed session is nothing for a terminal.',
    'Name a file (-o session.cclink), or pipe it: cclink export | ssh desk cclink import -',
  );
}

/** Where it is to go: without -o into a pipe or a redirection, else to a file that is named after it. */
function targetOf({ output: { json } }: Context, given: string | undefined, name: string): Target {
  if (given === '-') return { kind: 'stdout' };
  if (given === undefined && !json && !process.stdout.isTTY && !isStandardOutputLost()) return { kind: 'stdout' };
  const path = given ?? name;
  const target = existingAt(path);
  return target.exists?.isDirectory() ? existingAt(join(path, name)) : target;
}

/** What stands at a path, by the name of what a link leads to: that is replaced, not the link. */
function existingAt(path: string): Extract<Target, { kind: 'file' }> {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return { kind: 'file', path, exists: null };
    const exists = statSync(path);
    return { kind: 'file', path: exists.isFile() ? realpathSync(path) : path, exists };
  } catch (error) {
    throw fileFailure('write', path, error);
  }
}

const LONGEST_SLUG = 40;

/** `fix-the-login-1a2b3c4d.cclink`: letters and digits that every system has in a name. */
function nameFor({ title, id }: { readonly title: string | null; readonly id: string }): string {
  const plain = (title ?? '')
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  const words = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '');
  const cut = words.length <= LONGEST_SLUG ? words : words.slice(0, LONGEST_SLUG + 1).replace(/-[^-]*$/, '');
  const slug = cut.slice(0, LONGEST_SLUG).replace(/-+$/, '');
  return `${slug === '' ? 'session' : slug}-${id.slice(0, 8)}.cclink`;
}

async function confirmReplacing({ questions, yes }: Context, target: Target): Promise<void> {
  if (target.kind === 'stdout' || !target.exists?.isFile() || yes) return;
  const question = `${printable(target.path)} exists. Replace it?`;
  if (await questions.confirm(question, 'Answer it with -y, or name another file with -o')) return;
  throw new Failure('interrupted', 'Nothing was written.');
}

function appearedMeanwhile(target: Target): Failure {
  const path = target.kind === 'file' ? target.path : '';
  return new Failure('refused', `${path} has appeared meanwhile; it was not replaced.`, 'Name another file with -o.');
}

/**
 * Writes to standard output as fast as its reader takes it. If that is gone, the process ends (`main.ts`).
 */
async function writeOut(stream: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
  return bytes;
}

/** Says what was written, what was left, and what to type on the other side. */
function tell(
  { output }: Context,
  target: Target,
  { manifest, bytes }: { readonly manifest: Manifest; readonly bytes: number },
): void {
  const { session, title, turns, left } = manifest;
  const named = title === null ? '' : ` “${excerpt(title, 50)}”`;
  const prompts = `${turns} ${turns === 1 ? 'prompt' : 'prompts'}`;
  const line = target.kind === 'stdout' ? 'cclink import -' : `cclink import ${quoteForShell(basename(target.path))}`;
  output.say(
    `${output.style.good('Exported')} session ${session.slice(0, 8)}${named}, ${prompts}, ${describeMode(manifest.audience)}: ${describeSize(bytes)}${target.kind === 'stdout' ? '' : ` in ${printable(target.path)}`}.`,
  );
  for (const text of staying(manifest)) output.say(text);
  if (left.length > 0) output.say(`Left out: ${someOf(left.map(({ what }) => what))} (-v says why)`);
  for (const { what, why } of left) output.trace(`${what}: ${why}`);
  const value = { ...resultOf(manifest, target), bytes };
  if (target.kind === 'file') {
    output.say('On the other machine, where the file is, type:');
    output.result(value, line);
  } else if (output.json) {
    // Standard output is the session itself.
    process.stderr.write(`${printableJson(value)}\n`);
  }
}

/** What does not come along of the directory's git repository. */
function staying({ git }: Manifest): string[] {
  const unsaved = git === null ? null : describeUnsaved(git);
  return unsaved === null ? [] : [`Of its git repository, ${unsaved} stay here.`];
}

function describeMode(audience: BundleAudience): string {
  switch (audience.mode) {
    case 'self':
      return 'sealed for yourself';
    case 'share':
      return `sealed for ${audience.publicKey.slice(0, 8)}…`;
    case 'pin':
      return 'sealed for anybody with the PIN';
    case 'recipient':
      return `sealed for ${excerpt(audience.recipient, 13)}`;
  }
}

/** The members that all JSON results of export share. */
function resultOf({ session, directory, host, title, audience, left }: Manifest, target: Target) {
  return {
    session: { id: session, project: directory ?? '', host, title },
    file: target.kind === 'stdout' ? '-' : target.path,
    mode: audience.mode,
    left,
  };
}

function showDryRun({ output }: Context, manifest: Manifest, target: Target, bytes: number): void {
  const { session, title, turns, directory, files, left } = manifest;
  const unsaved = manifest.git === null ? null : describeUnsaved(manifest.git);
  output.result(
    { dryRun: true, ...resultOf(manifest, target), bytes, files: files.length },
    [
      'Nothing was written. This would be sealed:',
      describeLines(
        [
          ['Session', session],
          ['Title', excerpt(title ?? '', 60)],
          ['Directory', printable(directory ?? '')],
          [
            'Size',
            `${turns} ${turns === 1 ? 'prompt' : 'prompts'}, ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${describeSize(bytes)} before they are packed`,
          ],
          ['Left out', someOf(left.map(({ what }) => what))],
          ['Stays here', unsaved ?? ''],
        ],
        output.resultStyle,
      ),
      `${describeMode(manifest.audience)}, and written to ${target.kind === 'stdout' ? 'standard output' : printable(target.path)}.`,
    ].join('\n'),
  );
}
