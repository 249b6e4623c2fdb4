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

/**
 * Copies `text` to the clipboard of the machine that the user sits at. Over ssh, or if no program works, the
 * terminal is asked to do it (OSC 52); it does not say whether it did. Returns how it was done, or null if
 * there was no way.
 */
export function copyToClipboard(text: string, env: NodeJS.ProcessEnv): string | null {
  const overSsh = Boolean(env['SSH_TTY'] || env['SSH_CONNECTION']);
  if (!overSsh) {
    for (const [program, args] of clipboardPrograms(env)) {
      const { status } = spawnSync(program, args, {
        input: text,
        env,
        stdio: ['pipe', 'ignore', 'ignore'],
        timeout: 3000,
      });
      if (status === 0) return program;
    }
  }
  return writeToTerminal(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`) ? 'the terminal (OSC 52)' : null;
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
