import { liveSessions } from '../claude/live-sessions.ts';
import { outerSessionVariables } from '../claude/outer-session.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import { folderOf } from '../environment.ts';
import { Failure } from '../failure.ts';
import { compareCopy } from '../handoff/local-copy.ts';
import { bringLineFor, findingObstacle } from '../handoff/obstacle.ts';
import { type PickupPorts, pickup as pickUp } from '../handoff/pickup.ts';
import type { FoundHandoff } from '../handoff/reader.ts';
import { type Revocation, stillGiven } from '../handoff/revoke.ts';
import { claudeWord } from '../process/find-claude.ts';
import { describeFound, foundJson } from '../terminal/handoff-view.ts';
import { type FirstStart, FirstStarts, firstStartOptions } from '../travel/arriving/first-start.ts';
import type { BringingOptions } from './bringing.ts';
import { type ClaudeStart, inThisTerminal, inTmux, printingObstacle, versionOfClaude } from './claude-start.ts';
import { type Context, nowSeconds, openBundles, sweepLeftOvers } from './context.ts';
import type { Declaration } from './declaration.ts';
import { MOVING_IN_OPTIONS } from './moving-in-options.ts';
import { withSubject } from './subject.ts';
import { WHO_HELP } from './who.ts';

interface PickupOptions extends BringingOptions {
  /** False with `--no-run`. */
  readonly run: boolean;
  readonly tmux?: boolean;
  readonly qr?: boolean;
}

export const command: Declaration<PickupOptions> = {
  argument: '[who]',
  summary: 'look a handoff up, and go on with it in Claude Code',
  options: [
    { flags: '--no-run', description: 'take it, and print the command instead of running it' },
    { flags: '--tmux', description: 'run it in a new tmux window' },
    { flags: '--qr', description: "draw the session's id as a QR code" },
    { flags: '--folder <dir>', description: 'a folder that both machines see, where its files arrive' },
    { flags: '--ssh <host>', description: 'fetch files that are missing from that host, with its cclink' },
    ...MOVING_IN_OPTIONS,
  ],
  help: `${WHO_HELP}

Files that are not here are fetched from the host of --ssh, else taken from the
folder that both machines see (--folder, or CCLINK_FOLDER). If they have not
arrived there yet, cclink waits: until Ctrl-C, or for as long as --timeout says.
-y takes somebody else's session only if --from names who signed it and --into
the directory.

--json implies --no-run; where the files of the session are not here, and come
from nowhere, it prints "here": false and takes nothing.`,
  yes: true,
  json: true,
  timeout: true,
  claudeOptions: true,
  async run({ context, options, args: [who], claudeArgs }) {
    process.exitCode = await pickup(context, options, who, claudeArgs);
  },
};

/**
 * `cclink pickup`: picks a handoff up, and goes on in Claude Code. `claudeArgs` follow `--resume <id>`.
 *
 * Resolves to the exit code.
 */
async function pickup(
  context: Context,
  options: PickupOptions,
  who: string | undefined,
  claudeArgs: readonly string[],
): Promise<number> {
  const { environment, output, questions, yes } = context;
  sweepLeftOvers(context);
  const runs = options.run && !output.json;
  const claude = !runs ? null : options.tmux ? await inTmux(context) : inThisTerminal(context, claudeArgs);
  // Loaded before anything is taken, as an update may replace the files of this program meanwhile.
  const drawQr = options.qr && !output.json ? (await import('../terminal/qr.ts')).drawQr : null;
  const travel = mayTravel(context, options) ? await loadTravel() : null;
  const program = claudeWord(environment);
  const argsFor = (firstStart: FirstStart | null) => [
    ...(firstStart === null ? [] : firstStartOptions(firstStart)),
    ...claudeArgs,
  ];
  const lineFor = ({ local, payload }: FoundHandoff, firstStart: FirstStart | null) =>
    local.directory === null
      ? ''
      : resumeLine(local.directory, resumeCommand(payload.session, argsFor(firstStart), program));
  const bundles = openBundles(context);
  const bringing = travel?.bringingOf(context, options, bundles) ?? null;

  const { found, isTaken, burnt, imported, firstStart, handedOver } = await withSubject(
    context,
    who,
    (dht, subject, ports, look) =>
      pickUp(
        dht,
        subject,
        {
          ...ports,
          ...offering(context, claude),
          brought: (imported) => travel?.tellOfImport(context, imported),
          burnt(found, revocation, firstStart) {
            tellOfBurn(context, revocation);
            // Whatever goes wrong from here on, this is all that it takes to go on.
            if (claude !== null) output.keep(`Should claude not start, go on with:\n${lineFor(found, firstStart)}`);
          },
        },
        {
          ...look,
          offersFirst: questions.possible && !yes && !output.json,
          reportsMissing: output.json,
          bringing,
          bundles,
          firstStarts: new FirstStarts(environment.stateFolder),
        },
      ),
  );

  const { directory, title } = found.local;
  const { session } = found.payload;
  if (drawQr !== null) output.say(drawQr(session, process.stderr, environment.variables));
  if (!isTaken || claude === null || directory === null) {
    const line = lineFor(found, firstStart);
    const insteadOf = `The result could not be written. To go on with the session:\n${line}`;
    const json = {
      ...foundJson(found, argsFor(firstStart), program),
      ...burnt,
      ...(imported && { imported: travel?.importedJson(imported) }),
    };
    output.result(json, line, isTaken ? insteadOf : undefined);
    await output.written();
    await handedOver();
    return 0;
  }
  const command = resumeCommand(session, argsFor(firstStart), program);
  return claude.start({ title: title ?? session.slice(0, 8), directory, command }, handedOver);
}

/** Whether files that are missing may be brought: not where a script only wants to know that they are. */
function mayTravel({ environment, output, questions, yes }: Context, options: BringingOptions): boolean {
  const hasSource = options.ssh !== undefined || folderOf(environment, options.folder) !== null;
  if (!hasSource && MOVING_IN_NAMES.some((name) => options[name] !== undefined)) {
    throw new Failure(
      'usage',
      'Nothing is brought here, so there is nothing to say of where it is to live.',
      'Name where the files come from: --ssh <host>, or --folder <dir>',
    );
  }
  return hasSource && !(output.json && !yes && !questions.possible);
}

const MOVING_IN_NAMES = ['into', 'map', 'asNew', 'from'] as const;

/** What it takes to bring a session: loaded before anything is taken, as `drawQr` is. */
async function loadTravel() {
  const [{ bringingOf }, { tellOfImport }, { importedJson }] = await Promise.all([
    import('./bringing.ts'),
    import('./moving-in.ts'),
    import('../terminal/bundle-view.ts'),
  ]);
  return { bringingOf, tellOfImport, importedJson };
}

/** How a handoff is shown, and asked about. */
function offering(context: Context, claude: ClaudeStart | null): Pick<PickupPorts, 'show' | 'obstacle' | 'confirm'> {
  const { environment, output, questions, yes } = context;
  const warnOf = (found: FoundHandoff, burns: boolean, isCompared: boolean) => {
    const { record, payload, isClaimed } = found;
    const open = liveSessions(environment.claudeFolder).find(({ sessionId }) => sessionId === payload.session);
    if (open !== undefined) {
      output.warn(
        `this session is open in a running claude on this machine (process ${open.pid}); two would write into one file.`,
      );
    }
    if (record.burn && !burns && !isClaimed) {
      output.warn(
        'only its publisher can burn this handoff: it stays on the network until it expires, or they revoke it.',
      );
    }
    const comparison = compareCopy(found);
    if (comparison === 'older' && !isCompared) {
      output.warn(
        `nothing was said in the session here for a while before it was published. If it went on there, that is missing here. To bring it over:\n${bringLineFor(found, environment.claudeFolder)}`,
      );
    } else if (comparison === 'newer') {
      output.say('This session has gone on here since it was published.');
    }
    const leaked = claude === null ? outerSessionVariables(environment.variables) : [];
    if (leaked.length > 0) {
      output.warn(
        `this terminal was opened from inside a Claude Code session, and a claude that is started in it may save nothing. First type:\nunset ${leaked.join(' ')}`,
      );
    }
  };
  return {
    obstacle: async (found, isSpent) => {
      if (claude === null) return printingObstacle(isSpent);
      const obstacle = await claude.obstacle(isSpent);
      if (!found.local.here) return obstacle; // its files are still to come
      return obstacle ?? findingObstacle(found, isSpent, () => versionOfClaude(context));
    },
    show: (found) => output.say(describeFound(found, nowSeconds(), output.style)),
    confirm: async (found, burns, isCompared) => {
      warnOf(found, burns, isCompared);
      const question = burns ? 'Pick it up? This burns it.' : 'Go on with this session here?';
      return yes || questions.confirm(question, 'Answer it with -y');
    },
  };
}

function tellOfBurn({ output }: Context, { nodes, older }: Revocation): void {
  if (older === 0) output.say(output.style.dim(`Burnt: ${nodes} nodes confirmed it.`));
  else
    output.warn(
      `burnt, and ${nodes} nodes confirmed it; but ${stillGiven(older)}, until they forget it in some hours.`,
    );
}
