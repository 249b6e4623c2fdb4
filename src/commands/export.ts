import { basename } from 'node:path';
import { parseSessionId } from '../claude/session-id.ts';
import { countOf } from '../count.ts';
import { Failure } from '../failure.ts';
import { interruptible } from '../interruption.ts';
import { quoteForShell } from '../shell-quote.ts';
import { describeSize } from '../size.ts';
import { someOf } from '../terminal/bundle-view.ts';
import { describeUnsaved, sayUnsaved } from '../terminal/git-view.ts';
import { describeLines } from '../terminal/handoff-view.ts';
import { excerpt, printable, printableJson } from '../terminal/printable.ts';
import type { BundleAudience, Manifest } from '../travel/bundle/manifest.ts';
import { chooseSession } from './choose-session.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import type { Target } from './export-target.ts';

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
    { flags: '-o, --output <file>', description: 'the file or folder to write to; - is standard output' },
    { flags: '--share <key>', description: "seal it for another's public key", conflicts: ['pin', 'recipient'] },
    { flags: '--pin', description: 'seal it with a PIN', conflicts: ['recipient'] },
    { flags: '--recipient <age1…>', description: 'seal it for an age key, unsigned: needs no key here' },
    { flags: '--with <what>', description: 'memory: take the notes of its project along too' },
    { flags: '--without-thinking', description: 'leave out what Claude thought' },
    { flags: '--dry-run', description: 'show what would be sealed, and how large; nothing is written' },
  ],
  help: `Without an id: the session that a bare cclink would publish.

Sealed for yourself unless said otherwise. Without -o, the file is named after
the session and written to the current folder; a pipe or a redirection gets it
itself:
  cclink export | ssh desk "cat > session.cclink"

Nothing is masked yet: what was shown in the session is in the file. On the other
side: cclink import <file>`,
  yes: true,
  json: true,
  verbose: 'tell all that was left out, and why',
  run: ({ context, options, args: [session] }) => exportSession(context, options, session),
};

/** `cclink export`: writes a session, sealed, to a file or to standard output. */
async function exportSession(
  context: Context,
  options: ExportCommandOptions,
  sessionId: string | undefined,
): Promise<void> {
  const { audienceOf, withSeal } = await import('./export-seal.ts');
  const { checkTarget, confirmReplacing, fileNameFor, targetOf, writeThrough } = await import('./export-target.ts');
  const { confirmUnmasked, isInSightOfGit, sessionExport } = await import('./session-export.ts');
  const { exportToFile, prepareExport } = await import('../travel/export.ts');

  // Typing errors are told before anything is read.
  if (sessionId !== undefined) parseSessionId(sessionId);
  if (options.with !== undefined && options.with !== 'memory') {
    throw new Failure('usage', `--with ${excerpt(options.with, 30)} is not known.`, 'There is: --with memory');
  }
  checkTarget(options.output);
  const audience = await audienceOf(options);

  const { id } = await chooseSession(context, sessionId, { verb: 'export', force: false });
  const exported = sessionExport(context, id, {
    memory: options.with === 'memory',
    withoutThinking: options.withoutThinking ?? false,
  });
  const { contents } = exported;
  const exporting = { ...exported.options, audience, handoff: null };
  const target = targetOf(context, options.output, fileNameFor(exported.session));
  const shown = <T>(passes: number, work: (onRead: OnRead) => Promise<T>) =>
    withProgress(context, { target, bytes: contents().bytes, passes }, work);

  if (options.dryRun) {
    const prepared = await shown(1, (onRead) => prepareExport(contents, { ...exporting, from: null, onRead }));
    prepared.close();
    return showDryRun(context, prepared.manifest, target, prepared.bytes);
  }
  await confirmReplacing(context, target);
  if (audience.mode === 'share' || audience.mode === 'pin') await confirmUnmasked(context, 'Nothing was exported.');
  await withSeal(context, audience, async ({ from, recipient, sign }) => {
    const written = await shown(2, async (onRead) => {
      if (target.kind === 'file') {
        const seal = { recipient, sign, mayReplace: target.exists };
        return exportToFile(target.path, contents, { ...exporting, from, onRead }, seal);
      }
      const prepared = await prepareExport(contents, { ...exporting, from, onRead });
      try {
        const bytes = await writeThrough(target, prepared.stream(recipient, sign));
        return { manifest: prepared.manifest, bytes };
      } finally {
        prepared.close();
      }
    });
    if (written === null) throw appearedMeanwhile(nameOf(target));
    const isInSight = target.kind === 'file' && (await isInSightOfGit(context, target.path));
    tell(context, target, { ...written, isInSight });
  });
}

type OnRead = (bytes: number) => void;

interface Reading {
  readonly target: Target;
  /** The size of the session. */
  readonly bytes: number;
  /** How often each byte is read. */
  readonly passes: number;
}

/** Does what reads the session, and shows how far it has got. */
async function withProgress<T>(
  { output }: Context,
  { target, bytes, passes }: Reading,
  work: (onRead: OnRead) => Promise<T>,
): Promise<T> {
  const { transferProgress } = await import('../terminal/transfer-progress.ts');
  const progress = transferProgress(output, 'Exporting', bytes);
  const state = target.kind === 'file' ? 'nothing was written' : 'what was written is not a whole session';
  try {
    return await interruptible(
      `Interrupted; ${state}.`,
      undefined,
      work((read) => progress.moved(read / passes)),
    );
  } finally {
    progress.end();
  }
}

function appearedMeanwhile(path: string): Failure {
  return new Failure('refused', `${path} has appeared meanwhile; it was not replaced.`, 'Name another file with -o.');
}

/** A name that is not taken for an option. */
const asArgument = (name: string) => (name.startsWith('-') ? `./${name}` : name);

const nameOf = (target: Target) => (target.kind === 'stdout' ? '-' : target.path);

interface Written {
  readonly manifest: Manifest;
  readonly bytes: number;
  /** Whether git would take the file along. */
  readonly isInSight: boolean;
}

/** Says what was written, what was left, and what to type on the other side. */
function tell({ output }: Context, target: Target, { manifest, bytes, isInSight }: Written): void {
  const { session, title, turns, left, git } = manifest;
  const named = title === null ? '' : ` “${excerpt(title, 50)}”`;
  const place = target.kind === 'stdout' ? '' : ` in ${printable(target.path)}`;
  const unsaved = sayUnsaved(git);
  output.say(
    `${output.style.good('Exported')} session ${session.slice(0, 8)}${named}, ${countOf(turns, 'prompt')}, sealed for ${describeAudience(manifest.audience)}: ${describeSize(bytes)}${place}.`,
  );
  if (isInSight) output.say('It lies in a git repository: keep it out of a commit, or name another place with -o.');
  if (unsaved !== null) output.say(unsaved);
  if (left.length > 0) output.say(`Left out: ${someOf(left.map(({ what }) => what))} (-v says why)`);
  for (const { what, why } of left) output.trace(`${what}: ${why}`);
  const value = { ...resultOf(manifest, target), bytes };
  if (target.kind !== 'stdout') {
    output.say('On the other machine, where the file is, type:');
    output.result(value, `cclink import ${quoteForShell(asArgument(basename(target.path)))}`);
  } else if (output.json) {
    // Standard output is the session itself.
    process.stderr.write(`${printableJson(value)}\n`);
  }
}

function describeAudience(audience: BundleAudience): string {
  switch (audience.mode) {
    case 'self':
      return 'yourself';
    case 'share':
      return `${audience.publicKey.slice(0, 8)}…`;
    case 'pin':
      return 'anybody with the PIN';
    case 'recipient':
      return excerpt(audience.recipient, 13);
  }
}

/** The members that all JSON results of export share. */
function resultOf({ session, directory, host, title, audience, left }: Manifest, target: Target) {
  return {
    session: { id: session, project: directory ?? '', host, title },
    file: nameOf(target),
    mode: audience.mode,
    left,
  };
}

function showDryRun({ output }: Context, manifest: Manifest, target: Target, bytes: number): void {
  const { session, title, turns, directory, files, left, git } = manifest;
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
            `${countOf(turns, 'prompt')}, ${countOf(files.length, 'file')}, ${describeSize(bytes)} before they are packed`,
          ],
          ['Left out', someOf(left.map(({ what }) => what))],
          ['Stays here', (git && describeUnsaved(git)) ?? ''],
          ['For', describeAudience(manifest.audience)],
          ['Written to', target.kind === 'stdout' ? 'standard output' : printable(target.path)],
        ],
        output.resultStyle,
      ),
    ].join('\n'),
  );
}
