import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import type { ConnectOpts, SocketConstructorOpts } from 'node:net';
import { ReadStream, WriteStream } from 'node:tty';

/** What a question does with the terminal while it stands. */
export interface KeyListener {
  /** Gets what is typed, as bytes, without Ctrl-Z. They are overwritten when it returns. */
  typed(bytes: Uint8Array): void;
  /** Draws the question on a new line: after Ctrl-Z and `fg`, another program's text is above it. */
  redraw(): void;
  /** The window has another size. */
  resized?(): void;
}

const CTRL_C = 0x03;
const CTRL_BACKSLASH = 0x1c;
const CTRL_Z = 0x1a;
const READ_BYTES = 1024;

/**
 * The terminal that the user sits at, whatever standard input and output are connected to. While it is open,
 * nothing that is typed is shown. Without a listener, keys are dropped, but Ctrl-C and Ctrl-Z work.
 *
 * If the window is closed or the connection lost, this process ends by SIGHUP.
 */
export class ControllingTerminal {
  private readonly device: Device;
  private listener: KeyListener | null = null;
  private isOpen = true;
  private readonly ended = () => this.close();
  private readonly stop = () => this.suspend(process.pid);
  private readonly goOn = () => this.takeBack();
  private readonly resized = () => this.listener?.resized?.();

  /** Opens it; null where there is none. */
  static open(): ControllingTerminal | null {
    const open = process.platform === 'win32' ? openConsole : openDevTty;
    let terminal: ControllingTerminal | null = null;
    const device = open((bytes) => terminal?.receive(bytes));
    terminal = device && new ControllingTerminal(device);
    return terminal;
  }

  private constructor(device: Device) {
    this.device = device;
    process.on('exit', this.ended);
    this.takeSignals();
    device.setRaw(true);
  }

  readonly size = (): readonly [columns: number, rows: number] => this.device.size();

  write(text: string): void {
    this.device.write(text);
  }

  /** Gives `listener` the keys that are typed from now on. What was typed before is dropped. */
  listen(listener: KeyListener | null): void {
    this.listener = null;
    this.drain();
    this.listener = listener;
  }

  /** Leaves the terminal as it was before, so that the next program gets it. What was typed is dropped. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.listener = null;
    process.off('exit', this.ended);
    this.leaveSignals();
    this.drain();
    this.device.setRaw(false);
    this.device.close();
  }

  private receive(bytes: Uint8Array): void {
    const end = this.device.canStop ? bytes.indexOf(CTRL_Z) : -1;
    const typed = end < 0 ? bytes : bytes.subarray(0, end);
    if (this.listener !== null) this.listener.typed(typed);
    else if (typed.includes(CTRL_C) || typed.includes(CTRL_BACKSLASH)) process.kill(process.pid, 'SIGINT');
    bytes.fill(0);
    // Like the terminal's own Ctrl-Z, to every process of the job: the shell waits for all of them.
    if (end >= 0 && this.isOpen) this.suspend(0);
  }

  private drain(): void {
    const bytes = new Uint8Array(READ_BYTES);
    for (let length = this.device.read(bytes); length > 0; length = this.device.read(bytes)) {
      this.receive(bytes.subarray(0, length));
    }
  }

  /**
   * Stops the processes of `target` (as in kill(2)), with the terminal as it was before, and goes on after
   * `fg`. Where no shell could continue us, the system ignores SIGTSTP, and this goes on at once.
   */
  private suspend(target: number): void {
    this.leaveSignals();
    this.device.setRaw(false);
    this.write('\n');
    process.kill(target, 'SIGTSTP');
    this.takeSignals();
    this.takeBack();
  }

  /** Another program may have changed the terminal's mode meanwhile. */
  private takeBack(): void {
    this.device.setRaw(false);
    this.device.setRaw(true);
    this.listener?.redraw();
  }

  private takeSignals(): void {
    if (!this.device.canStop) return;
    process.on('SIGTSTP', this.stop).on('SIGCONT', this.goOn).on('SIGWINCH', this.resized);
  }

  private leaveSignals(): void {
    process.off('SIGTSTP', this.stop).off('SIGCONT', this.goOn).off('SIGWINCH', this.resized);
  }
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

/** How a system gives access to the terminal. */
interface Device {
  /** True where a program can be stopped and continued. */
  readonly canStop: boolean;
  setRaw(raw: boolean): void;
  write(text: string): void;
  /** Reads what was typed and is not read yet, without waiting. Returns its length; 0 if there is nothing. */
  read(into: Uint8Array): number;
  size(): readonly [number, number];
  close(): void;
}

/** `onTyped` gets bytes that it may overwrite. */
function openDevTty(onTyped: (bytes: Uint8Array) => void): Device | null {
  let descriptors: [number, number, number];
  try {
    descriptors = [
      openSync('/dev/tty', 'r'),
      openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK),
      openSync('/dev/tty', 'w'),
    ];
  } catch {
    return null;
  }
  const [input, pending, output] = descriptors;
  const callback = (length: number, bytes: Uint8Array) => {
    onTyped(bytes.subarray(0, length));
    return true;
  };
  // One buffer for all that is typed, so that no other copy of a secret is made.
  const options: SocketConstructorOpts & ConnectOpts = { onread: { buffer: new Uint8Array(READ_BYTES), callback } };
  const stream = new ReadStream(input, options);
  for (const event of ['end', 'error']) stream.on(event, hangUp);
  stream.read(0);
  return {
    canStop: true,
    setRaw: (raw) => void stream.setRawMode(raw),
    write(text) {
      try {
        writeSync(output, text);
      } catch {
        hangUp();
      }
    },
    read(into) {
      try {
        return readSync(pending, into);
      } catch {
        return 0; // nothing was typed; or the terminal is gone, which the stream tells
      }
    },
    size() {
      try {
        const window = new WriteStream(openSync('/dev/tty', 'w'));
        const { columns, rows } = window;
        window.destroy();
        return [columns || 80, rows || 24];
      } catch {
        return [80, 24];
      }
    },
    close() {
      stream.destroy();
      closeSync(pending);
      closeSync(output);
    },
  };
}

/** Windows has one console, which Node reads reliably only through standard input. */
function openConsole(onTyped: (bytes: Uint8Array) => void): Device | null {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return null;
  stdin.on('data', onTyped);
  return {
    canStop: false,
    setRaw: (raw) => void stdin.setRawMode(raw),
    write: (text) => void stderr.write(text),
    read: () => 0,
    size: () => [stderr.columns ?? 80, stderr.rows ?? 24],
    close() {
      stdin.off('data', onTyped);
      stdin.pause();
    },
  };
}

/**
 * The terminal is gone. The system says so by SIGHUP, but maybe later, or to the shell alone; by then nothing
 * might keep this process alive.
 */
function hangUp(): void {
  if (!process.emit('SIGHUP', 'SIGHUP')) process.kill(process.pid, 'SIGHUP');
}
