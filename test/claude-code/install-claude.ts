import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The versions of Claude Code that are tested. Up to 2.1.222 `claude --resume` knows the sessions of its own
 * folder only; the last is the newest of today.
 */
export const CLAUDE_VERSIONS = ['2.1.119', '2.1.332'] as const;

/** Where the versions are kept, each in a folder by its name. */
const FOLDER =
  process.env['CCLINK_TEST_CLAUDE_FOLDER'] ??
  fileURLToPath(new URL('../../node_modules/.cache/claude-code', import.meta.url));

/** The native program of an installed version; throws if there is none. */
export function claudeProgram(version: string): string {
  const packages = join(FOLDER, version, 'node_modules', '@anthropic-ai');
  const [native] = readdirSync(packages).filter((name) => name.startsWith('claude-code-linux-'));
  if (native === undefined) throw new Error(`no program for Linux in ${packages}`);
  return join(packages, native, 'claude');
}

/**
 * Downloads the versions that are missing, from npm, before any test runs (vitest's `globalSetup`). Throws
 * where they can't run apart from the network.
 */
export default function installClaude(): void {
  const offline = spawnSync('unshare', ['-rn', 'sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin" ip link set lo up']);
  if (process.platform !== 'linux' || offline.status !== 0) {
    throw new Error(
      'The real Claude Code is tested in a network namespace of its own: on Linux, with unshare (util-linux), ip ' +
        `(iproute2) and the permission to use them. Here: ${offline.stderr?.toString().trim() || offline.error || process.platform}`,
    );
  }
  for (const version of CLAUDE_VERSIONS.filter((each) => !isInstalled(each))) {
    const prefix = join(FOLDER, version);
    console.error(`Installing Claude Code ${version} into ${prefix} (once, 240 to 390 MB) ...`);
    mkdirSync(prefix, { recursive: true });
    // Its script would put the native program in place of a launcher that we don't use.
    const options = [
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel=error',
      '--prefix',
      prefix,
    ];
    execFileSync('npm', ['install', ...options, `@anthropic-ai/claude-code@${version}`], { stdio: ['ignore', 2, 2] });
    if (!isInstalled(version)) throw new Error(`${claudeProgram(version)} is not Claude Code ${version}`);
  }
}

/** A download that was cut short does not count. */
function isInstalled(version: string): boolean {
  if (!existsSync(join(FOLDER, version, 'node_modules', '@anthropic-ai'))) return false;
  return (
    spawnSync(claudeProgram(version), ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`${version} `) ?? false
  );
}
