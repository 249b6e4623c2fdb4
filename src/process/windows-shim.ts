import { Failure } from '../failure.ts';

/** True for a `.cmd` or `.bat`, which Windows runs only through its shell. */
export function isShim(path: string): boolean {
  return /\.(?:cmd|bat)$/i.test(path);
}

/**
 * The line for cmd.exe that runs the shim at `path` with `args`.
 *
 * cmd.exe parses such a line twice, and no quoting survives that for every character. So this throws `usage`
 * for an argument with anything but letters, digits, spaces and `_-./:=,@+\`, and `no-claude` for a path that
 * can't be quoted.
 */
export function shimLine(path: string, args: readonly string[]): string {
  if (/["%!^\p{Cc}]/u.test(path)) {
    throw new Failure(
      'no-claude',
      `Claude Code can't be started from ${path}.`,
      'Install it in a folder with a plain name.',
    );
  }
  // A backslash at the end would escape the closing quotation mark.
  const refused = args.find((arg) => !/^[\p{L}\p{N} _\-./:=,@+\\]*$/u.test(arg) || arg.endsWith('\\'));
  if (refused !== undefined) {
    throw new Failure(
      'usage',
      `This argument can't be passed to the claude.cmd of npm: ${refused}`,
      'Leave it out, or install the native Claude Code.',
    );
  }
  return [path, ...args].map((word) => `"${word}"`).join(' ');
}
