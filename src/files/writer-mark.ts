import { createHash, randomBytes } from 'node:crypto';
import { isRunning, markOfThisProcess } from '../running-process.ts';
import { isLeftOver } from './left-over.ts';

const MARK = /^(?:([0-9a-f]{8})-(\d+)-)?[0-9a-f]{16}$/;

/**
 * A part for the name of something that is being written: it tells the process that does so, and is new each
 * time, which keeps two writers apart, and keeps a stranger from putting a link there beforehand.
 */
export function writerMark(): string {
  return `${markOfMachine()}-${process.pid}-${randomBytes(8).toString('hex')}`;
}

/**
 * True if something that has `mark` in its name, last modified at `modifiedMs` (Unix milliseconds), was left
 * behind: the process that wrote it has ended, or it is older than `afterMs`. Not true of any other name.
 */
export function isLeftBehind(mark: string, modifiedMs: number, afterMs?: number): boolean {
  const [whole, machine, pid] = MARK.exec(mark) ?? [];
  if (whole === undefined) return false;
  return isLeftOver(modifiedMs, afterMs) || (machine === markOfMachine() && !isRunning(Number(pid)));
}

/** Where process ids mean what they mean here: 8 hex digits for this machine, its start and its container. */
function markOfMachine(): string {
  const { host, machineId, bootId, pidNamespace } = markOfThisProcess();
  const text = JSON.stringify([host, machineId, bootId, pidNamespace]);
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
