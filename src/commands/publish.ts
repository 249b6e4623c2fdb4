import { hostname } from 'node:os';
import { sep } from 'node:path';
import { localSession } from '../claude/local-session.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import { parseSessionId } from '../claude/session-id.ts';
import type { Dht } from '../dht/client.ts';
import type { Deadline } from '../dht/deadline.ts';
import { EMPTY_PACKET, parsePacket } from '../dht/dns-packet.ts';
import { folderOf } from '../environment.ts';
import { Failure } from '../failure.ts';
import { ownBurn } from '../handoff/claim.ts';
import { encodePayload, type Payload, T_BYTES } from '../handoff/payload.ts';
import { fitHandoff, type Handoff, heldForOthers, publish as publishHandoff } from '../handoff/publish.ts';
import type { SignedRecord } from '../handoff/record.ts';
import { type Audience, refuseWeakRecipient } from '../handoff/seal.ts';
import { HANDOFF_TXT } from '../handoff/txt-record.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey, samePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { interruptible } from '../interruption.ts';
import { claudeWord } from '../process/find-claude.ts';
import { quoteForShell } from '../shell-quote.ts';
import { describeLines, describeMode, handoffJson, sessionJson } from '../terminal/handoff-view.ts';
import { excerpt, printable } from '../terminal/printable.ts';
import { describeDuration, parseDuration } from '../time.ts';
import { type ChosenSession, chooseSession } from './choose-session.ts';
import { type Context, nowSeconds, openBundles, openHistory, placesOf, sweepLeftOvers } from './context.ts';
import { type Declaration, NO_MASK } from './declaration.ts';
import { tellOfLeftBundles } from './left-bundles.ts';
import { ownResolution, withDht } from './network.ts';
import type { NewPin } from './new-pin.ts';
import { withOwnKey } from './secrets.ts';
import type { SessionInFolder } from './session-in-folder.ts';
import { parseWho } from './who.ts';

interface PublishOptions {
  readonly ttl: string;
  readonly share?: string;
  readonly pin?: boolean;
  readonly burn?: boolean;
  readonly qr?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly folder?: string;
  /** False with `--no-mask`. */
  readonly mask: boolean;
}

export const command: Declaration<PublishOptions> = {
  argument: '[session-id]',
  summary: 'seal a session and publish it, as a bare cclink does',
  options: [
    {
      flags: '--ttl <time>',
      description: 'how long it can be picked up: seconds, 90s, 30m, 12h, 7d',
      default: '24h',
    },
    { flags: '--share <key>', description: "seal it for another's public key", conflicts: ['pin', 'burn'] },
    { flags: '--pin', description: 'seal it with a PIN; asked for twice, a bare Return makes one' },
    { flags: '--burn', description: 'hand it over once: the first pickup takes it off the network' },
    { flags: '--folder <dir>', description: 'put its files, sealed, into a folder that both machines see' },
    NO_MASK,
    { flags: '--qr', description: 'draw the line for the other side as a QR code' },
    { flags: '--dry-run', description: 'show what would be sealed and sent, and how large; nothing is' },
    { flags: '--force', description: 'publish an id that has no session file here' },
  ],
  help: `Without an id: the session that runs this command, else the newest of this
folder, of those below it, or above it up to the git root.

With --folder, or CCLINK_FOLDER, the files of the session go along: pickup finds
them in that folder, once it has arrived there. Not with a PIN that you made up.
For somebody else keys and passwords in them are masked, as export --help says.

With --pin, anybody who knows your public key can fetch the sealed record and
try PINs on a machine of their own, burnt or not: take a long one, or let cclink
make one (five words).`,
  yes: true,
  json: true,
  timeout: true,
  allowedForAgent: ({ share, pin }) => share === undefined && !pin,
  run: ({ context, options, args: [session] }) => publish(context, options, session),
};

/** The shortest and the longest life of a handoff, in seconds. */
const TTL_RANGE = [1, 365 * 86_400] as const;

/** `cclink` and `cclink publish`: seals a session and publishes it. */
async function publish(context: Context, options: PublishOptions, sessionId: string | undefined): Promise<void> {
  if (sessionId !== undefined) parseSessionId(sessionId); // a typing error is told before anything is read
  const ttl = parseDuration(options.ttl, '--ttl', ...TTL_RANGE);
  const recipient = options.share === undefined ? null : parseWho(options.share);
  sweepLeftOvers(context);
  await withOwnKey(context, async (own) => {
    const session = await chooseSession(context, sessionId, {
      verb: 'publish',
      force: options.force ?? false,
    });
    const payload: Payload = { host: hostname(), project: session.directory ?? '', session: session.id };
    const burn = options.burn ?? false;
    const pin = options.pin ? await takePin(context, options.dryRun ?? false) : null;
    const handoff: Handoff = { audience: audienceOf(pin?.pin ?? null, recipient), burn, ttl, payload };
    try {
      const folder = folderFor(context, options, { session, pin });
      await withFilesOf(context, session, handoff, { ...options, folder }, async (files) => {
        if (options.dryRun) return showDryRun(context, await own.publicKey(), session, handoff, files);
        return withDht(context, (dht, deadline) =>
          send(context, { dht, deadline }, own, { session, files, handoff, ...options }),
        );
      });
    } finally {
      pin?.pin.fill(0);
    }
  });
}

function audienceOf(pin: Uint8Array | null, recipient: Uint8Array | null): Audience {
  if (pin !== null) return { mode: 'pin', pin };
  return recipient === null ? { mode: 'self' } : { mode: 'share', publicKey: recipient };
}

/**
 * The folder (absolute) that its files are put into; null if none is named, or they can't or may not go
 * there.
 */
function folderFor(
  context: Context,
  { folder: named, force }: PublishOptions,
  { session, pin }: { readonly session: ChosenSession; readonly pin: NewPin | null },
): string | null {
  const folder = folderOf(context.environment, named);
  if (folder === null) return null;
  const notPut = `the files of the session are not put into ${printable(folder)}`;
  if (force && !localSession(placesOf(context), session.id, '').here) {
    context.output.warn(`${notPut}: they are not on this machine.`);
    return null;
  }
  if (pin === null || pin.isMade) return folder;
  context.output.warn(
    `${notPut}: whoever gets hold of them there could try PINs, and you made this one up. A bare Return at the question makes one that is long enough.`,
  );
  return null;
}

/** Runs `work` with the files that go along, once it is clear that they may; null without a folder. */
async function withFilesOf(
  context: Context,
  session: ChosenSession,
  { audience }: Handoff,
  { folder, mask, dryRun = false }: Pick<PublishOptions, 'mask' | 'dryRun'> & { readonly folder: string | null },
  work: (files: SessionInFolder | null) => Promise<void>,
): Promise<void> {
  if (folder === null) return work(null);
  const { sessionForFolder } = await import('./session-in-folder.ts');
  const how = { audience, masks: mask, isDryRun: dryRun };
  const files = await sessionForFolder(context, session.id, folder, how);
  try {
    await work(files);
  } finally {
    files.leaving.close();
  }
}

interface Sending {
  readonly session: ChosenSession;
  /** What is put into a folder; null if only a pointer goes out. */
  readonly files: SessionInFolder | null;
  readonly handoff: Handoff;
  readonly qr?: boolean;
  /** As it was typed here: then it must be typed there too. */
  readonly folder?: string;
}

async function send(
  context: Context,
  { dht, deadline }: { readonly dht: Dht; readonly deadline: Deadline },
  own: OwnKey,
  { session, files, handoff, qr = false, folder }: Sending,
): Promise<void> {
  const { output } = context;
  const namesFolder = files !== null && folder !== undefined;
  // git is asked while the network is.
  const goAlong = files !== null;
  const staying = import('./files-here.ts').then(({ describeStaying }) => describeStaying(context, session, goAlong));
  // The walk goes on while a passphrase is typed. If the public key is unknown, the key must be opened first.
  const known = own.knownPublicKey;
  const early = known === null ? null : dht.resolve(known, { deadline });
  early?.catch(() => {}); // reported where it is awaited
  const identity = await own.open();
  // The public key beside an encrypted one may be that of another key: what was asked under that one is of no
  // use.
  const isOfKey = known !== null && samePublicKey(known, identity.publicKey);
  const resolution = await ownResolution(context, (isOfKey && early) || dht.resolve(identity.publicKey, { deadline }));
  const name = encodePublicKey(identity.publicKey);
  const current = resolution.newest === null ? null : HANDOFF_TXT.read(parsePacket(resolution.newest.value), name);
  await confirmReplacing(context, current, identity.publicKey, handoff);

  const history = openHistory(context);
  const unfinished = ownBurn(history, await history.read(identity.publicKey), resolution);
  const publishIt = (t?: Uint8Array) => {
    const payload = { ...handoff.payload, ...(t && { t }) };
    const publishing = output.progress(
      'Publishing …',
      publishHandoff(
        dht,
        identity,
        { ...handoff, payload },
        {
          now: Date.now,
          deadline,
          history,
          from: resolution,
          beforeReplacing: (text) => refuseToReplaceUnseen(text, current, identity.publicKey, handoff),
        },
      ),
    );
    return interruptible(
      'Interrupted while it was being published: some nodes may have it.',
      'See how it stands: cclink list',
      publishing,
    );
  };
  const { published, departed } = await withFiles(context, files, { identity, ...handoff }, publishIt);
  const { record, payload, nodes, seq, wasOvertaken, settled } = published;
  const who = handoff.audience.mode === 'self' ? [] : [name];
  const where = namesFolder ? ['--folder', quotedFolder(context, files.folder)] : [];
  const pickup = ['cclink pickup', ...who, ...where].join(' ');
  const { publicKey, mode, burn, createdAt, expiresAt } = handoffJson(record);
  if (wasOvertaken)
    output.warn('another machine published under your key at the same moment; this handoff replaced it.');
  if (unfinished !== null) {
    tellOfUnfinished(context, unfinished.payload);
    await history.dropClaim(unfinished.record);
  }
  if (burn && mode === 'pin') {
    output.warn(
      'a PIN handoff burns only when it is picked up on a machine with your key; elsewhere it stays until it expires.',
    );
  }
  output.say(summary(context, { session, staying: await staying, namesFolder, record, nodes, ttl: handoff.ttl }));
  output.result(
    {
      session: sessionJson(payload, session.title),
      publicKey,
      mode,
      recipient: record.recipient,
      burn,
      createdAt,
      expiresAt,
      seq: String(seq),
      nodes,
      pickup,
      ...departed,
    },
    pickup,
  );
  if (qr && !output.json) {
    const { drawQr } = await import('../terminal/qr.ts');
    process.stdout.write(`${drawQr(pickup, process.stdout, context.environment.variables)}\n`);
  }
  if ((await settled).overtakenBy !== null) {
    output.warn(
      'another machine published under your key a moment later, and its handoff replaced this one. Look: cclink list',
    );
  }
}

/**
 * Publishes, with its files in the folder by then; those of the handoff that is replaced are removed.
 * `departed`: what the JSON result tells of the files, if they went.
 */
async function withFiles<T extends { readonly seq: number }>(
  context: Context,
  files: SessionInFolder | null,
  handoff: Pick<Handoff, 'ttl'> & { readonly identity: Identity },
  publishIt: (t?: Uint8Array) => Promise<T>,
): Promise<{ readonly published: T; readonly departed: object }> {
  const bundles = openBundles(context);
  await bundles.sweep();
  if (files !== null) {
    const { publishFromFolder } = await import('./session-in-folder.ts');
    return publishFromFolder(context, files, handoff, publishIt);
  }
  const published = await publishIt();
  tellOfLeftBundles(context, await bundles.removeUnder(encodePublicKey(handoff.identity.publicKey), published.seq));
  return { published, departed: {} };
}

/**
 * A burn handoff that an interrupted pickup here has not handed over: after a publish, no pickup finds it.
 */
function tellOfUnfinished(context: Context, { session, project }: Payload): void {
  const { directory } = localSession(placesOf(context), session, project);
  const line = resumeLine(directory, resumeCommand(session, [], claudeWord(context.environment)));
  context.output.warn(`a pickup here was interrupted while it burnt a handoff. To go on with that session:\n${line}`);
}

interface Summary {
  readonly session: ChosenSession;
  /** What stays here; null if nothing is told of it. */
  readonly staying: string | null;
  /** Whether the line for the other side names the folder, by its path here. */
  readonly namesFolder: boolean;
  readonly record: SignedRecord;
  readonly nodes: number;
  /** Seconds. */
  readonly ttl: number;
}

function summary({ output }: Context, { session, staying, namesFolder, record, nodes, ttl }: Summary): string {
  const forgets = ttl > 2 * 3600 ? ' (the network may forget it after some hours)' : '';
  const title = session.title === null ? '' : ` “${excerpt(session.title, 50)}”`;
  return [
    `${output.style.good('Published')} session ${session.id.slice(0, 8)}${title} ${describeMode(record, true)}, on ${nodes} nodes.`,
    ...(staying === null ? [] : [`Stays here: ${staying}.`]),
    `Pick it up${record.burn ? ', once,' : ''} within ${describeDuration(ttl)}${forgets}. There, ${namesFolder ? 'with the folder as it is called there, ' : ''}type:`,
  ].join('\n');
}

/** A folder in a line for another machine: below the home of each it most likely has the same name. */
function quotedFolder({ environment: { home } }: Context, folder: string): string {
  const below = folder.startsWith(`${home}${sep}`) ? folder.slice(home.length + 1) : null;
  return below === null ? quoteForShell(folder) : `~/${quoteForShell(below)}`;
}

/** Asks before replacing a live handoff that others may still pick up. */
async function confirmReplacing(
  context: Context,
  text: string | null,
  publicKey: Uint8Array,
  next: Handoff,
): Promise<void> {
  const held = heldForOthers(text, publicKey, next, nowSeconds());
  if (held === null || context.yes) return;
  const question = `A handoff ${describeMode(held, true)} is still live under your key, and would be replaced. Replace it?`;
  if (!(await context.questions.confirm(question, 'Answer it with -y'))) {
    throw new Failure('interrupted', 'Nothing was published; the handoff for somebody else is still there.');
  }
}

/** Refuses to replace a handoff for others that appeared after the user was asked. */
function refuseToReplaceUnseen(text: string | null, seen: string | null, publicKey: Uint8Array, next: Handoff): void {
  if (text !== seen && heldForOthers(text, publicKey, next, nowSeconds()) !== null) {
    throw new Failure(
      'refused',
      'Another machine has published a handoff for somebody else meanwhile. Nothing was published here.',
      'Look at it first: cclink list',
    );
  }
}

/** The PIN (UTF-8 bytes); nobody is asked for a dry run. */
async function takePin(context: Context, dryRun: boolean): Promise<NewPin> {
  if (dryRun && context.environment.pin === undefined) return { pin: new Uint8Array(), isMade: true };
  const { newPin } = await import('./new-pin.ts');
  return newPin(context, {
    guessing: 'Anybody who knows your public key can try PINs offline.',
    beside: 'the line below',
  });
}

async function showDryRun(
  context: Context,
  publicKey: Uint8Array,
  session: ChosenSession,
  handoff: Handoff,
  files: SessionInFolder | null,
): Promise<void> {
  const { output } = context;
  const { describeStaying } = await import('./files-here.ts');
  const { describeGoing } = await import('./session-in-folder.ts');
  const staying = await describeStaying(context, session, files !== null);
  const going = files === null ? null : await describeGoing(context, files);
  await refuseWeakRecipient(handoff.audience);
  const whole = files === null ? handoff.payload : { ...handoff.payload, t: new Uint8Array(T_BYTES) };
  const sealed = { ...handoff, payload: whole };
  const { payload, recordBytes } = fitHandoff(sealed, publicKey, EMPTY_PACKET, Date.now());
  const { mode } = handoff.audience;
  const recipient = handoff.audience.mode === 'share' ? encodePublicKey(handoff.audience.publicKey) : null;
  output.result(
    {
      dryRun: true,
      session: sessionJson(payload, session.title),
      publicKey: encodePublicKey(publicKey),
      mode,
      recipient,
      burn: handoff.burn,
      ttl: handoff.ttl,
      sealedBytes: encodePayload(payload).length,
      recordBytes,
      ...going?.json,
    },
    [
      `Nothing was sent. ${session.title === null ? 'This' : `Of “${excerpt(session.title, 50)}” this`} would be sealed:`,
      describeLines(
        [
          ['Session', payload.session],
          ['Project', printable(payload.project)],
          ['From', printable(payload.host)],
          ...(going?.lines ?? []),
          ['Stays here', staying ?? ''],
        ],
        output.resultStyle,
      ),
      'and published, for everybody to see:',
      describeLines(
        [
          ['Under', encodePublicKey(publicKey)],
          [
            'Sealed',
            mode === 'pin' ? 'for anybody with the PIN' : mode === 'self' ? 'for yourself' : `for ${recipient}`,
          ],
          ['For', `${describeDuration(handoff.ttl)}${handoff.burn ? ', or until picked up (burn)' : ''}`],
          ['Size', `${recordBytes} of at most 908 bytes (other records of your key not counted)`],
        ],
        output.resultStyle,
      ),
    ].join('\n'),
  );
}
