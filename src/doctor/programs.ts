import { Failure } from '../failure.ts';
import { quoteForShell } from '../shell-quote.ts';
import { bad, type Check, good } from './check.ts';

/** The oldest Node that cclink runs on (`engines` in package.json). */
const LEAST_NODE = [20, 19] as const;

/** Whether this Node is new enough. `node` is its version (`24.1.0`) and the path of its program. */
export function nodeCheck(cclinkVersion: string, node: { readonly version: string; readonly path: string }): Check {
  const [major = 0, minor = 0] = node.version.split('.').map(Number);
  const where = `Node ${node.version} (${node.path})`;
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) {
    return good('node', `cclink ${cclinkVersion} runs on ${where}.`);
  }
  return bad(
    'node',
    new Failure(
      'usage',
      `cclink runs on ${where}, and needs ${LEAST_NODE.join('.')} or newer.`,
      'Install a newer Node, or run install.sh of cclink, which brings one of its own.',
    ),
  );
}

/** Whether there is a `claude` that starts. `version` is what it told; null if it told none. */
export function claudeCheck(path: string | null, version: string | null): Check {
  if (path === null) {
    const what = 'Claude Code was not found: there is no claude on your PATH, nor where its installers put it.';
    return bad('claude', new Failure('no-claude', what, 'Install it, or add its folder to your PATH.'));
  }
  if (version !== null) return good('claude', `Claude Code ${version} is ${path}.`);
  return bad(
    'claude',
    new Failure('no-claude', `${path} did not tell its version.`, `See what it says: ${quoteForShell(path)} --version`),
  );
}

/**
 * Whether variables of another Claude Code session have leaked to where this runs. `names` are those that
 * are set.
 */
export function outerSessionCheck(
  names: readonly string[],
  { isAgent, isTmux }: { readonly isAgent: boolean; readonly isTmux: boolean },
): Check {
  const id = 'outer-session';
  if (names.length === 0) return good(id, 'No variable of another Claude Code session reaches this shell.');
  if (isAgent) return good(id, 'This runs inside Claude Code: what asks you must be typed in a terminal of your own.');
  const origin = isTmux
    ? '\ntmux hands them to new windows if its server was started in a session: start it anew.'
    : '';
  return bad(
    id,
    new Failure(
      'refused',
      'This shell has variables of another Claude Code session: cclink or claude may take you for a part of it.',
      `unset ${names.join(' ')}${origin}`,
    ),
  );
}
