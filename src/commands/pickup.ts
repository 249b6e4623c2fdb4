import { liveSessions } from '../claude/live-sessions.ts';
import { OUTER_SESSION_VARIABLES, withoutOuterSession } from '../claude/outer-session.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import { SECRET_VARIABLES } from '../environment.ts';
import { Failure } from '../failure.ts';
import { type PickupPorts, pickup as pickUp } from '../handoff/pickup.ts';
import type { FoundHandoff } from '../handoff/reader.ts';
import { type Revocation, stillGiven } from '../handoff/revoke.ts';
import { becomeClaude } from '../process/become-claude.ts';
import { claudeWord, findClaude } from '../process/find-claude.ts';
import { describeFound, foundJson } from '../terminal/handoff-view.ts';
import { makeStandardStreamsBlocking } from '../terminal/standard-streams.ts';
import { type Context, nowSeconds } from './context.ts';
import type { Declaration } from './declaration.ts';
import { withSubject } from './subject.ts';

interface PickupOptions {
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
  ],
  help: `who: nothing for your own key, or the public key of the publisher.
--json implies --no-run; where the files of the session are not here, it prints
"here": false and takes nothing.`,
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
  const runs = options.run && !output.json;
  if (options.tmux && runs && !environment.variables['TMUX']) {
    throw new Failure('usage', 'There is no tmux here to open a window in.', 'Start tmux first, or leave out --tmux.');
  }
  const claudePath = runs ? findClaude(environment) : null;
  const { found, isTaken, burnt, handedOver } = await withSubject(context, who, (dht, subject, ports, look) =>
    pickUp(
      dht,
      subject,
      { ...ports, ...offering(context) },
      {
        ...look,
        runs,
        hasClaude: claudePath !== null,
        offersFirst: questions.possible && !yes && !output.json,
        reportsMissing: output.json,
      },
    ),
  );
  if (burnt !== null) tellOfBurn(context, burnt);

  questions.release();
  const { directory, title } = found.local;
  const { session } = found.payload;
  const program = claudeWord(environment);
  const command = resumeCommand(session, claudeArgs, program);
  if (options.qr && !output.json) {
    const { drawQr } = await import('../terminal/qr.ts');
    output.say(drawQr(session));
  }
  if (!isTaken || claudePath === null || directory === null) {
    const line = directory === null ? '' : resumeLine(directory, command);
    output.result({ ...foundJson(found, claudeArgs, program), ...burnt }, line);
    await output.written();
    await handedOver();
    return 0;
  }
  if (options.tmux) {
    const { openTmuxWindow } = await import('../terminal/tmux.ts');
    openTmuxWindow({
      title: title ?? session.slice(0, 8),
      directory,
      command: [claudePath, ...command.slice(1)],
      line: resumeLine(directory, command),
      env: environment.variables,
      unset: [...SECRET_VARIABLES, ...OUTER_SESSION_VARIABLES],
      set: environment.variables['CLAUDE_CONFIG_DIR'] ? { CLAUDE_CONFIG_DIR: environment.claudeFolder } : {},
    });
    await handedOver();
    return 0;
  }
  await handedOver();
  const env = withoutOuterSession(environment.variables);
  makeStandardStreamsBlocking();
  return becomeClaude({ claudePath, args: command.slice(1), directory, env });
}

/** How a handoff is shown, and asked about. */
function offering({ environment, output, questions, yes }: Context): Pick<PickupPorts, 'show' | 'confirm'> {
  const warnOf = ({ record, payload, isClaimed }: FoundHandoff, burns: boolean) => {
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
  };
  return {
    show: (found) => output.say(describeFound(found, nowSeconds(), output.style)),
    confirm: async (found, burns) => {
      warnOf(found, burns);
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
