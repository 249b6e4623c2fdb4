import { liveSessions } from '../claude/live-sessions.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import type { Resolution } from '../dht/client.ts';
import { SECRET_VARIABLES } from '../environment.ts';
import { Failure } from '../failure.ts';
import { completeRevocation, type Revocation, revoke, stillGiven } from '../handoff/revoke.ts';
import { becomeClaude } from '../process/become-claude.ts';
import { findClaude } from '../process/find-claude.ts';
import { type Context, openHistory, unixNow } from './context.ts';
import { type Finding, findHandoff, type Look, type NewestHandoff, stillLive, withSubject } from './found-handoff.ts';
import type { FoundHandoff, Subject } from './handoff-reader.ts';
import { describeHandoff, handoffJson, sessionJson } from './handoff-view.ts';
import { withDht } from './network.ts';

export interface PickupOptions {
  /** False with `--no-run`. */
  readonly run: boolean;
  readonly tmux?: boolean;
  readonly qr?: boolean;
}

/** `cclink show`: what a handoff holds. It is not taken, burnt or run. */
export async function show(context: Context, who: string | undefined): Promise<void> {
  const { output } = context;
  const found = await withSubject(context, who, (subject) =>
    withDht(context, (dht, deadline) => findHandoff(context, { dht, deadline }, subject, ({ newest }) => newest(null))),
  );
  output.result(resultJson(found, []), view(found, output.resultStyle));
  if (!found.local.here) output.say('The files of this session are not on this machine.');
  else if (!found.local.directoryExists) output.say('Its directory is not on this machine.');
  else output.say(`To go on with it here: ${lineForPickup(who)}`);
}

const lineForPickup = (who: string | undefined) => ['cclink pickup', ...(who === undefined ? [] : [who])].join(' ');

/** `cclink pickup`: takes a handoff, and goes on in Claude Code. `claudeArgs` follow `--resume <id>`. Resolves to the exit code. */
export async function pickup(
  context: Context,
  options: PickupOptions,
  who: string | undefined,
  claudeArgs: string[],
): Promise<number> {
  const { environment, output } = context;
  const run = options.run && !output.json;
  if (options.tmux && run && !environment.variables['TMUX']) {
    throw new Failure('usage', 'There is no tmux here to open a window in.', 'Start tmux first, or leave out --tmux.');
  }
  const { found, claudePath, burnt } = await withSubject(context, who, (subject) =>
    withDht(context, (dht, deadline) => {
      const onNothing = (resolution: Resolution) => completeBurn(context, look, subject, resolution);
      const look: Look = { dht, deadline, onNothing };
      return findHandoff(context, look, subject, (finding) => take(context, look, finding, run));
    }),
  );
  const { local } = found;
  const command = resumeCommand(found.payload.session, claudeArgs);
  if (options.qr && !output.json) {
    const { drawQr } = await import('../terminal/qr.ts');
    output.say(drawQr(found.payload.session));
  }
  if (claudePath === null || local.directory === null) {
    output.result(
      { ...resultJson(found, claudeArgs), ...burnt },
      local.directory === null ? '' : resumeLine(local.directory, command),
    );
    return 0;
  }
  if (options.tmux) {
    const { openTmuxWindow } = await import('../terminal/tmux.ts');
    openTmuxWindow({
      title: local.title ?? found.payload.session.slice(0, 8),
      directory: local.directory,
      command: [claudePath, ...command.slice(1)],
      line: resumeLine(local.directory, command),
      env: environment.variables,
      unset: SECRET_VARIABLES,
      set: environment.variables['CLAUDE_CONFIG_DIR'] ? { CLAUDE_CONFIG_DIR: environment.claudeFolder } : {},
    });
    return 0;
  }
  return becomeClaude({
    claudePath,
    args: command.slice(1),
    directory: local.directory,
    env: environment.variables,
  });
}

/**
 * Everything up to the moment at which the handoff is taken, in this order: is it here, can it run, is it wanted, is it still
 * the newest, burn it. A "no", a missing file or a missing `claude` ends it before anything is burnt.
 *
 * A person at a terminal is asked about the first handoff that was met, while the walk goes on, and again if the newest is another.
 */
async function take(
  context: Context,
  look: Look,
  finding: Finding,
  run: boolean,
): Promise<{ found: NewestHandoff; claudePath: string | null; burnt: Revocation | null }> {
  const { environment, output, questions, yes } = context;
  const claudePath = run ? findClaude(environment.variables) : null;
  const obstacleTo = (found: FoundHandoff) => missingHere(found) ?? (run && claudePath === null ? noClaude() : null);

  const { first } = finding;
  const asksEarly = questions.possible && !yes && !output.json;
  // What stands in the way of the first handoff need not stand in the way of the newest.
  const shown = asksEarly && first !== null && obstacleTo(first) === null ? first : null;
  if (shown !== null) await offer(context, shown, null);

  const found = await finding.newest(shown);
  if (!found.local.here && output.json) return { found, claudePath: null, burnt: null };
  if (found.record.text !== shown?.record.text) await offer(context, found, obstacleTo(found));
  stillLive(found); // the question may have stood for long
  const burnt = isToBurn(found) ? await burn(context, look, finding, found) : null;
  return { found, claudePath, burnt };
}

/** Whether picking it up burns it: only the publisher can. */
const isToBurn = ({ record, subject }: FoundHandoff) => record.burn && subject.isOwn;

/** Shows a handoff and asks whether it is wanted; throws `obstacle` in place of asking, and `interrupted` for a no. */
async function offer(context: Context, found: FoundHandoff, obstacle: Failure | null): Promise<void> {
  const { environment, output, questions } = context;
  output.say(view(found, output.style));
  if (obstacle !== null) throw obstacle;
  const open = liveSessions(environment.claudeFolder).find(({ sessionId }) => sessionId === found.payload.session);
  if (open !== undefined) {
    output.warn(
      `this session is open in a running claude on this machine (process ${open.pid}); two would write into one file.`,
    );
  }
  const burns = isToBurn(found);
  if (found.record.burn && !burns) {
    output.warn(
      'only its publisher can burn this handoff: it stays on the network until it expires, or they revoke it.',
    );
  }
  if (!context.yes && !(await questions.confirm(burns ? 'Take it? This burns it.' : 'Go on with this session here?'))) {
    throw new Failure('interrupted', burns ? 'Left where it is; nothing was burnt.' : 'Left where it is.');
  }
}

async function burn(
  context: Context,
  { dht, deadline }: Look,
  finding: Finding,
  found: NewestHandoff,
): Promise<Revocation> {
  const { output } = context;
  // A PIN opened it without the key, which taking it off the network needs.
  const identity = await finding.identity(found.record.publicKey);
  const burnt = await output.progress(
    'Burning it …',
    revoke(dht, identity, found.record.text, {
      now: Date.now,
      history: openHistory(context),
      fate: 'burnt',
      from: found.resolution,
      deadline,
    }).catch(asHalfBurnt),
  );
  if (burnt === null) {
    throw new Failure(
      'refused',
      'Somebody else picked this handoff up, or took it back, at this very moment; nothing was handed over.',
      'If that was not you on another machine, ask the publisher to publish again.',
    );
  }
  const { nodes, older } = burnt;
  if (older === 0) output.say(output.style.dim(`Burnt: ${nodes} nodes confirmed it.`));
  else
    output.warn(
      `burnt, and ${nodes} nodes confirmed it; but ${stillGiven(older)}, until they forget it in some hours.`,
    );
  return burnt;
}

/** A burn that did not reach enough nodes: whoever has it begun completes it, so that trying again hands nothing over either. */
function asHalfBurnt(error: unknown): never {
  if (!(error instanceof Failure) || error.code !== 'not-burnt') throw error;
  throw new Failure(
    'not-burnt',
    `${error.message} Nothing was handed over.`,
    'It may be half burnt: publish it again on the machine that has the session: cclink',
    { cause: error, details: error.details },
  );
}

/** A burn or revocation of one's own that reached too few nodes is completed, so that the handoff does not come back. */
async function completeBurn(
  context: Context,
  { dht, deadline }: Look,
  { isOwn }: Subject,
  resolution: Resolution,
): Promise<void> {
  if (!isOwn) return;
  const { output } = context;
  try {
    const completed = await output.progress(
      'Completing what was burnt or taken back …',
      completeRevocation(dht, resolution, { history: openHistory(context), deadline }),
    );
    if (completed === null) return;
    output.say(`It had been burnt or taken back, and too few nodes knew: ${completed.nodes} nodes know it now.`);
  } catch (error) {
    // That there is nothing to pick up is the answer all the same.
    if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
    output.warn(error.message);
  }
}

function view(found: FoundHandoff, style: Context['output']['style']): string {
  const { record, payload, local, subject } = found;
  return describeHandoff(record, payload, { now: unixNow(), local, isOwn: subject.isOwn, style });
}

function resultJson(found: FoundHandoff, claudeArgs: string[]) {
  const { record, payload, local } = found;
  const { publicKey, mode, burn: burns, createdAt, expiresAt } = handoffJson(record);
  return {
    session: sessionJson(payload, local.title),
    publicKey,
    mode,
    from: null,
    burn: burns,
    createdAt,
    expiresAt,
    here: local.here,
    directory: local.directory,
    command: resumeCommand(payload.session, claudeArgs),
  };
}

/** Why a session cannot go on here, for want of its files or its directory; null if it can. */
function missingHere(found: FoundHandoff): Failure | null {
  const { here, directory, directoryExists } = found.local;
  if (!here) {
    return new Failure(
      'no-session',
      'The files of this session are not on this machine, and a handoff is only a pointer to them.',
      'Bring them over (rsync -a other-machine:.claude/projects/ ~/.claude/projects/), and pick up again. Nothing was burnt.',
    );
  }
  return directory === null || !directoryExists ? directoryMissing(found, directory) : null;
}

function noClaude(): Failure {
  return new Failure(
    'no-claude',
    'The claude command is not on your PATH, so the session cannot go on here yet.',
    'Install Claude Code (https://claude.com/claude-code), or take only the command with --no-run.',
  );
}

function directoryMissing({ record, payload }: FoundHandoff, directory: string | null): Failure {
  const make = directory === null ? '' : 'Make it (git clone, or mkdir -p), and pick up again';
  // A burn handoff that was not taken does not give its whole id away.
  const without = record.burn
    ? ''
    : `${make === '' ? 'Go' : ', or go'} on without cclink: claude --resume ${payload.session}`;
  return new Failure(
    'no-session',
    directory === null
      ? 'The session is here, but its files do not tell which directory it belongs to.'
      : `The session is here, but its directory ${directory} is not.`,
    `${make}${without}` || 'Pick it up in the project folder that it belongs to.',
  );
}
