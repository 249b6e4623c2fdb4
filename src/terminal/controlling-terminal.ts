import { closeSync, openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';

/** The terminal that the user sits at, whatever standard input and output are connected to. */
export interface ControllingTerminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Stops reading, so that the next program (`claude`) gets every key. */
  close(): void;
}

/** Opens the controlling terminal for questions; null where there is none. */
export function openControllingTerminal(): ControllingTerminal | null {
  return process.platform === 'win32' ? openConsole() : openDevTty();
}

/** True if there is a controlling terminal to ask on. */
export function hasControllingTerminal(): boolean {
  if (process.platform === 'win32') return process.stdin.isTTY === true;
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

function openDevTty(): ControllingTerminal | null {
  let descriptors: [number, number];
  try {
    descriptors = [openSync('/dev/tty', 'r'), openSync('/dev/tty', 'w')];
  } catch {
    return null;
  }
  const input = new ReadStream(descriptors[0]);
  const output = new WriteStream(descriptors[1]);
  return {
    input,
    output,
    close() {
      if (input.isRaw) input.setRawMode(false);
      input.destroy();
      output.destroy();
    },
  };
}

/** Windows has one console, which Node reads reliably only through standard input. */
function openConsole(): ControllingTerminal | null {
  if (!process.stdin.isTTY) return null;
  return { input: process.stdin, output: process.stderr, close: () => process.stdin.pause() };
}
