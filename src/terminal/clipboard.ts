import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

/** Programs that copy their standard input to the clipboard, in the order in which they are tried. */
function clipboardPrograms(env: NodeJS.ProcessEnv): [string, string[]][] {
  if (process.platform === 'darwin') return [['pbcopy', []]];
  if (process.platform === 'win32') return [['clip', []]];
  return [
    ...(env['WAYLAND_DISPLAY'] ? [['wl-copy', []] as [string, string[]]] : []),
    ...(env['DISPLAY']
      ? ([
          ['xclip', ['-selection', 'clipboard']],
          ['xsel', ['--clipboard', '--input']],
        ] as [string, string[]][])
      : []),
  ];
}

/** How something was copied. Only a program of the desktop says that it did; terminals don't tell. */
export interface Copied {
  readonly kind: 'copied' | 'in tmux' | 'asked';
  readonly by: string;
}

/**
 * Copies `text` to the clipboard of the machine that the user sits at. Over ssh, or if no program works, the
 * terminal is asked to do it (OSC 52), inside tmux by tmux: it passes on only what it sends itself. Returns
 * how it was done, or null if there was no way.
 */
export function copyToClipboard(text: string, env: NodeJS.ProcessEnv): Copied | null {
  const overSsh = Boolean(env['SSH_TTY'] || env['SSH_CONNECTION']);
  if (!overSsh) {
    for (const [program, args] of clipboardPrograms(env)) {
      if (takes(program, args, text, env)) return { kind: 'copied', by: program };
    }
  }
  if (env['TMUX'] && takes('tmux', ['load-buffer', '-w', '-'], text, env)) return { kind: 'in tmux', by: 'tmux' };
  const sequence = `\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`;
  return writeToTerminal(sequence) ? { kind: 'asked', by: 'the terminal' } : null;
}

/** True if `program` has taken `text` from its standard input. */
function takes(program: string, args: readonly string[], text: string, env: NodeJS.ProcessEnv): boolean {
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  return spawnSync(program, args, { input: text, env, stdio: [...stdio], timeout: 3000 }).status === 0;
}

function writeToTerminal(sequence: string): boolean {
  try {
    const descriptor = openSync('/dev/tty', 'w');
    writeSync(descriptor, sequence);
    closeSync(descriptor);
    return true;
  } catch {
    return false;
  }
}
