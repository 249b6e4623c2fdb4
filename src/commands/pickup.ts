import { becomeClaude } from '../claude/become-claude.ts';
import { findClaude } from '../claude/find-claude.ts';
import { liveSessions } from '../claude/live-sessions.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import type { Dht } from '../dht/client.ts';
import { Failure } from '../failure.ts';
import { revoke } from '../handoff/revoke.ts';
import { samePublicKey } from '../identity/public-key.ts';
import { forget } from '../identity/unlock.ts';
import { type Context, unixNow, withDht } from './context.ts';
import { SECRET_VARIABLES } from './environment.ts';
import { type FoundHandoff, findHandoff, stillLive, subjectOf } from './found-handoff.ts';
import { describeHandoff, handoffJson, sessionJson } from './handoff-view.ts';
import { type LocalSession, localSession } from './local-session.ts';
import { anotherKeyBeside, openIdentity, readOwnKey } from './own-key.ts';

export interface PickupOptions {
  /** False with `--no-run`. */
  readonly run: boolean;
  readonly tmux?: boolean;
  readonly qr?: boolean;
}

/** `cclink show`: what a handoff holds. It is not taken, burnt or run. */
export async function show(context: Context, who: string | undefined): Promise<void> {
  const { output } = context;
  const subject = await subjectOf(context, who);
  const found = await withDht(context, (dht) => findHandoff(context, dht, subject));
  if (found.identity !== null) forget(found.identity);
  const local = localSession(context, found.payload);
  output.result(resultJson(found, local, []), view(found, local, output.resultStyle));
  if (!local.here) output.say('The files of this session are not on this machine.');
  else if (!local.directoryExists) output.say('Its directory is not on this machine.');
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
  const subject = await subjectOf(context, who);
  const ready = await withDht(context, async (dht) => {
    const found = await findHandoff(context, dht, subject);
    try {
      return await take(context, dht, found, run);
    } finally {
      if (found.identity !== null) forget(found.identity);
    }
  });
  const { found, local, claudePath } = ready;
  const command = resumeCommand(found.payload.session, claudeArgs);
  if (options.qr && !output.json) {
    const { drawQr } = await import('../terminal/qr.ts');
    output.say(drawQr(found.payload.session));
  }
  if (claudePath === null || local.directory === null) {
    output.result(
      resultJson(found, local, claudeArgs),
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
 * Everything up to the moment at which the handoff is taken, in this order: is it here, can it run, is it wanted, burn it.
 * A "no", a missing file or a missing `claude` ends it before anything is burnt.
 */
async function take(
  context: Context,
  dht: Dht,
  found: FoundHandoff,
  run: boolean,
): Promise<{ found: FoundHandoff; local: LocalSession; claudePath: string | null }> {
  const { environment, output, questions } = context;
  const { record, payload, subject } = found;
  const local = localSession(context, payload);
  output.say(view(found, local, output.style));
  if (!local.here) {
    if (output.json) return { found, local, claudePath: null };
    throw filesMissing();
  }
  if (local.directory === null || !local.directoryExists) throw directoryMissing(found, local.directory);
  const claudePath = run ? findClaude(environment.variables) : null;
  if (run && claudePath === null) {
    throw new Failure(
      'no-claude',
      'The claude command is not on your PATH, so the session cannot go on here yet.',
      'Install Claude Code (https://claude.com/claude-code), or take only the command with --no-run.',
    );
  }
  const open = liveSessions(environment.claudeFolder).find(({ sessionId }) => sessionId === payload.session);
  if (open !== undefined) {
    output.warn(
      `this session is open in a running claude on this machine (process ${open.pid}); two would write into one file.`,
    );
  }
  const burns = record.burn && subject.isOwn;
  if (record.burn && !burns) {
    output.warn(
      'only its publisher can burn this handoff: it stays on the network until it expires, or they revoke it.',
    );
  }
  if (!context.yes && !(await questions.confirm(burns ? 'Take it? This burns it.' : 'Go on with this session here?'))) {
    throw new Failure('interrupted', burns ? 'Left where it is; nothing was burnt.' : 'Left where it is.');
  }
  stillLive(found); // the question may have stood for long
  if (burns) await burn(context, dht, found);
  return { found, local, claudePath };
}

async function burn(context: Context, dht: Dht, found: FoundHandoff): Promise<void> {
  const { environment, output } = context;
  // A PIN opened it without the key, which taking it off the network needs.
  const identity = found.identity ?? (await openIdentity(context, found.subject.own ?? (await readOwnKey(context))));
  try {
    if (!samePublicKey(identity.publicKey, found.record.publicKey)) throw anotherKeyBeside(environment.keyFile);
    const nodes = await output.progress(
      'Burning it …',
      revoke(dht, identity, found.record.text, {
        now: Date.now(),
        stateFolder: environment.stateFolder,
        from: found.lookup.resolution,
      }),
    );
    if (nodes === 0) {
      throw new Failure(
        'refused',
        'Somebody else picked this handoff up, or took it back, at this very moment; nothing was handed over.',
        'If that was not you on another machine, ask the publisher to publish again.',
      );
    }
  } finally {
    forget(identity);
  }
  output.say(output.style.dim('Burnt: it is off the network.'));
}

function view(found: FoundHandoff, local: LocalSession, style: Context['output']['style']): string {
  const { record, payload, subject } = found;
  return describeHandoff(record, payload, { now: unixNow(), local, isOwn: subject.isOwn, style });
}

function resultJson(found: FoundHandoff, local: LocalSession, claudeArgs: string[]) {
  const { record, payload } = found;
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

function filesMissing(): Failure {
  return new Failure(
    'no-session',
    'The files of this session are not on this machine, and a handoff is only a pointer to them.',
    'Bring them over (rsync -a other-machine:.claude/projects/ ~/.claude/projects/), and pick up again. Nothing was burnt.',
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
