import { folderOf } from '../environment.ts';
import type { Bringing, BringSource } from '../handoff/bringing.ts';
import { interruptible } from '../interruption.ts';
import { describeSize } from '../size.ts';
import { excerpt, printable } from '../terminal/printable.ts';
import { transferProgress } from '../terminal/transfer-progress.ts';
import { describeDuration } from '../time.ts';
import type { ArrivingSession } from '../travel/arriving/importing.ts';
import type { Absence } from '../travel/folder.ts';
import type { KnownBundles } from '../travel/known-bundles.ts';
import { parseSshHost } from '../travel/ssh.ts';
import { claudeHere } from './claude-start.ts';
import type { Context } from './context.ts';
import { importOptions, importPorts, parseMovingIn } from './moving-in.ts';
import type { MovingInOptions } from './moving-in-options.ts';

/** Where a pickup may bring files from, as it was typed. */
export interface BringingOptions extends MovingInOptions {
  readonly folder?: string;
  readonly ssh?: string;
}

/** How a pickup brings files that are missing. Throws `usage` for options that can't be used. */
export function bringingOf(context: Context, options: BringingOptions, bundles: KnownBundles): Bringing {
  const { environment, output, questions, timeoutMs, isTimeoutGiven } = context;
  const ssh = options.ssh === undefined ? null : parseSshHost(options.ssh);
  const movingIn = parseMovingIn(options);
  const { from, asNew, into } = movingIn;
  const waitMs = isTimeoutGiven ? timeoutMs : questions.possible && !output.json ? null : 0;
  return {
    folder: folderOf(environment, options.folder),
    ssh,
    waitMs,
    from,
    canAsk: questions.possible,
    asNew,
    into,
    bundles,
    variables: environment.variables,
    home: environment.home,
    importOptions: async (trust) => importOptions(context, movingIn, { trust, claude: await claudeHere(context) }),
    ports: {
      waiting: (folder, absence) => output.say(describeAbsence(folder, absence, waitMs)),
      checking: (bytes) => transferProgress(output, 'Checking', bytes),
      sshSays: (line) => output.say(output.style.dim(excerpt(line, 500))),
      asking(host) {
        questions.release();
        output.say(`Asking ${host} for the session …`);
      },
      nothingNewer(source) {
        if (source.kind === 'ssh') output.say(`${source.host} has nothing newer.`);
      },
      // Nothing moves on the screen meanwhile: ssh may ask for a password there.
      whileWaiting: (work) => interruptible('Interrupted; nothing was picked up.', undefined, work),
      forImport(trust, source, { burns, told }) {
        const question = `Bring it here, and go on with it?${burns ? ' This burns the handoff.' : ''}`;
        const ports = importPorts(context, { isNamed: from !== null, question, trust, asNew, told });
        return {
          ...ports,
          show(arriving) {
            output.say(describeSource(arriving, source));
            ports.show(arriving);
          },
        };
      },
    },
  };
}

function describeSource({ lastChangeHereMs: hereMs, manifest }: ArrivingSession, source: BringSource): string {
  const where = source.kind === 'folder' ? `the folder ${printable(source.folder)}` : source.host;
  const isOlder = hereMs !== null && manifest.lastChange !== null && hereMs < Date.parse(manifest.lastChange);
  const what =
    hereMs === null ? 'Its files are not here' : isOlder ? 'Its files here are older' : 'Its files are here too';
  return `${what}: ${describeSize(source.bytes)} from ${where}.`;
}

function describeAbsence(folder: string, absence: Absence, waitMs: number | null): string {
  const path = printable(folder);
  const end = waitMs === null ? 'until Ctrl-C' : `at most ${describeDuration(Math.ceil(waitMs / 1000))}`;
  const waits = `Waiting for them, ${end} …`;
  switch (absence.kind) {
    case 'no folder':
      return `The files of this session are expected in ${path}, and there is no such folder here. ${waits}`;
    case 'not there':
      return `The files of this session are not in ${path} yet. ${waits}`;
    case 'on its way':
      return `The files of this session are on their way to ${path}. ${waits}`;
    case 'not whole':
      return `Not all files of this session are in ${path} yet (${describeSize(absence.bytes)} so far). ${waits}`;
  }
}
