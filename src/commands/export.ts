import { basename } from 'node:path';
import { parseSessionId } from '../claude/session-id.ts';
import { countOf } from '../count.ts';
import { Failure } from '../failure.ts';
import { interruptible } from '../interruption.ts';
import { quoteForShell } from '../shell-quote.ts';
import { describeSize } from '../size.ts';
import { departureJson, departureLines, filesJson, tellMissing, traceDeparture } from '../terminal/departure-view.ts';
import { describeUnsaved, sayUnsaved } from '../terminal/git-view.ts';
import { describeLines } from '../terminal/handoff-view.ts';
import { excerpt, printable, printableJson } from '../terminal/printable.ts';
import type { BundleAudience, Manifest } from '../travel/bundle/manifest.ts';
import { chooseSession } from './choose-session.ts';
import type { Context } from './context.ts';
import { type Declaration, NO_MASK } from './declaration.ts';
import type { Target } from './export-target.ts';
import type { DepartedSession, LeavingSession } from './leaving-session.ts';

interface ExportCommandOptions {
  readonly output?: string;
  readonly share?: string;
  readonly pin?: boolean;
  readonly recipient?: string;
  readonly with?: string;
  readonly withoutThinking?: boolean;
  /** False with `--no-mask`. */
  readonly mask: boolean;
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
    NO_MASK,
    { flags: '--dry-run', description: 'show what would be sealed, and how large; nothing is written' },
  ],
  help: `Without an id: the session that a bare cclink would publish.

Sealed for yourself unless said otherwise. Without -o, the file is named after
the session and written to the current folder; a pipe or a redirection gets it
itself:
  cclink export | ssh desk "cat > session.cclink"

For somebody else (--share, --pin, --recipient) keys and passwords that were
shown in the session are looked for and masked: cclink tells what it found, and
asks; -y masks. That helps, it does not promise. What shows files like .env is
left out. With --no-mask nothing is looked for, and such files leave too.

On the other side: cclink import <file>`,
  yes: true,
  json: true,
  verbose: 'tell all files, and all that was left out, and why',
  run: ({ context, options, args: [session] }) => exportSession(context, options, session),
};

/** `cclink export`: writes a session, sealed, to a file or to standard output. */
async function exportSession(
  context: Context,
  options: ExportCommandOptions,
  sessionId: string | undefined,
): Promise<void> {
  const { audienceOf, withSeal } = await import('./export-seal.ts');
  const { checkTarget, confirmReplacing, fileNameFor, targetOf } = await import('./export-target.ts');
  const { isInSightOfGit, sessionExport } = await import('./session-export.ts');

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
  const { leavingSession } = await import('./leaving-session.ts');
  const isDryRun = options.dryRun ?? false;
  const afterStop = 'Nothing was exported.';
  const leaving = await leavingSession(context, { exported, audience, masks: options.mask, isDryRun, afterStop });
  try {
    // The name of the file tells the title, so it is known only now.
    const target = targetOf(context, options.output, fileNameFor({ id, title: leaving.title() }));
    if (isDryRun) return showDryRun(context, target, await leaving.described(), leaving.found);
    await confirmReplacing(context, target);
    await withSeal(context, audience, async ({ from, recipient, sign }) => {
      const state = target.kind === 'file' ? 'nothing was written' : 'what was written is not a whole session';
      const writing = leaving.write(target, { from, handoff: null, recipient, sign }, 'Exporting');
      const written = await interruptible(`Interrupted; ${state}.`, undefined, writing);
      if (written === null) throw appearedMeanwhile(nameOf(target));
      const isInSight = target.kind === 'file' && (await isInSightOfGit(context, target.path));
      tell(context, target, { ...written, found: leaving.found, isInSight });
    });
  } finally {
    leaving.close();
  }
}

function appearedMeanwhile(path: string): Failure {
  return new Failure('refused', `${path} has appeared meanwhile; it was not replaced.`, 'Name another file with -o.');
}

/** A name that is not taken for an option. */
const asArgument = (name: string) => (name.startsWith('-') ? `./${name}` : name);

const nameOf = (target: Target) => (target.kind === 'stdout' ? '-' : target.path);

interface Written extends DepartedSession {
  readonly found: LeavingSession['found'];
  /** Whether git would take the file along. */
  readonly isInSight: boolean;
}

/** Says what was written, what was left, and what to type on the other side. */
function tell({ output }: Context, target: Target, { manifest, bytes, found, isInSight }: Written): void {
  const { session, title, turns, git } = manifest;
  const named = title === null ? '' : ` “${excerpt(title, 50)}”`;
  const place = target.kind === 'stdout' ? '' : ` in ${printable(target.path)}`;
  const unsaved = sayUnsaved(git);
  output.say(
    `${output.style.good('Exported')} session ${session.slice(0, 8)}${named}, ${countOf(turns, 'prompt')}, sealed for ${describeAudience(manifest.audience)}: ${describeSize(bytes)}${place}.`,
  );
  if (isInSight) output.say('It lies in a git repository: keep it out of a commit, or name another place with -o.');
  if (unsaved !== null) output.say(unsaved);
  tellMissing(output, manifest);
  const value = { ...resultOf(manifest, target, found), bytes };
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
function resultOf(manifest: Manifest, target: Target, found: LeavingSession['found']) {
  const { session, directory, host, title, audience } = manifest;
  return {
    session: { id: session, project: directory ?? '', host, title },
    file: nameOf(target),
    mode: audience.mode,
    ...departureJson(manifest, found),
  };
}

function showDryRun(
  { output }: Context,
  target: Target,
  { manifest, bytes }: DepartedSession,
  found: LeavingSession['found'],
): void {
  const { session, title, directory, git } = manifest;
  traceDeparture(output, manifest);
  output.result(
    { dryRun: true, ...resultOf(manifest, target, found), bytes, files: filesJson(manifest) },
    [
      'Nothing was written. This would be sealed:',
      describeLines(
        [
          ['Session', session],
          ['Title', excerpt(title ?? '', 60)],
          ['Directory', printable(directory ?? '')],
          ...departureLines(manifest, bytes),
          ['Stays here', (git && describeUnsaved(git)) ?? ''],
          ['For', describeAudience(manifest.audience)],
          ['Written to', target.kind === 'stdout' ? 'standard output' : printable(target.path)],
        ],
        output.resultStyle,
      ),
    ].join('\n'),
  );
}
