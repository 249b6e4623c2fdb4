import { basename } from 'node:path';
import type { SessionContents, SessionFile } from '../../claude/session-contents.ts';
import { Spool } from '../../files/spool.ts';
import type { Loss } from '../bundle/manifest.ts';
import type { SecretFiles } from '../secrets/files/secret-files.ts';
import { isSecretPath } from '../secrets/files/secret-paths.ts';
import type { Mask } from '../secrets/mask/mask.ts';
import { type Departing, type Departure, departureOf } from './departing-file.ts';
import { DepartingSession } from './departing-session.ts';
import { maskedDeparture } from './masked-departure.ts';

/** A session of which every file lies in one spool, as it will leave. */
export interface SpooledSession {
  readonly leaving: DepartingSession;
  close(): void;
}

/** Where and how a session is kept. */
export interface Spooling {
  /** The folder of the spool: made if it is not there. */
  readonly folder: string;
  readonly secretFiles: SecretFiles;
  readonly mask: Mask | null;
  readonly keepThinking: boolean;
  /** That of the session, masked. */
  readonly directory: string | null;
  /** The names of files in which something was found again and again: but for transcripts, they are left. */
  readonly stubborn: ReadonlySet<string>;
  /** Is told of bytes as they are read. */
  readonly onRead: (bytes: number) => void;
}

/** Reads a session into a spool, once. Throws as `departureOf` does. */
export function spoolSession({ left, files }: SessionContents, spooling: Spooling): Promise<SpooledSession> {
  return spooled(left, files, spooling, (file, spool) => {
    return departureOf(file, departingAs(spooling), spooling.onRead, spool);
  });
}

/** Reads a spooled session into another spool, as it is to leave now. Throws as `spoolSession` does. */
export function spoolAgain({ leaving }: SpooledSession, spooling: Spooling): Promise<SpooledSession> {
  const files = leaving.departures.map((departure) => ({ ...departure.file, size: departure.bytes, departure }));
  return spooled(leaving.left, files, spooling, ({ departure }, spool) => {
    return maskedDeparture(departure, departingAs(spooling), spooling.onRead, spool);
  });
}

function departingAs({ mask, secretFiles, keepThinking, directory }: Spooling): Departing {
  return { strict: true, keepThinking, directory, redaction: { mask, files: secretFiles } };
}

async function spooled<T extends Pick<SessionFile, 'kind' | 'name' | 'size'>>(
  left: readonly Loss[],
  files: readonly T[],
  spooling: Spooling,
  read: (file: T, spool: Spool) => Promise<Departure | Loss>,
): Promise<SpooledSession> {
  const spool = new Spool(spooling.folder);
  const leaving = new DepartingSession(left);
  try {
    for (const file of files) {
      const loss = lossOfSecret(file, spooling);
      await leaving.take(file, async () => loss ?? read(file, spool));
    }
  } catch (error) {
    spool.close();
    throw error;
  }
  return { leaving, close: () => spool.close() };
}

/** Of a file that shows one of secrets, or has the name of one, or a secret in its name. */
function lossOfSecret(
  { kind, name }: Pick<SessionFile, 'kind' | 'name'>,
  { secretFiles, mask, stubborn }: Spooling,
): Loss | null {
  const isShown = kind === 'tool result' && secretFiles.leftFiles.has(basename(name));
  if (isShown || isSecretPath(name)) return { what: name, why: 'shows a file of secrets' };
  const isTranscript = kind === 'transcript' || kind === 'subagent';
  if (stubborn.has(name) && !isTranscript) return { what: name, why: "holds secrets that can't be masked" };
  if (!mask?.holds(Buffer.from(name))) return null;
  return { what: mask.inText(name), why: 'there is a secret in its name' };
}
