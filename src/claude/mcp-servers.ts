import { dirname, join, sep } from 'node:path';
import { realPath } from '../files/real-path.ts';
import { readSmallFile } from '../files/regular-file.ts';
import { gitRootOf } from './git-root.ts';
import { isObject, parseObject } from './json-object.ts';

/** How much of a file with settings is read, in bytes. Claude Code's own grows with every project. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Where Claude Code looks for MCP servers. */
export interface McpPlaces {
  readonly claudeFolder: string;
  /** The environment. */
  readonly variables: NodeJS.ProcessEnv;
  readonly home: string;
}

/**
 * Which of the MCP servers `used` are not configured for `directory` on this machine. They are named as in
 * the names of their tools: `mcp__<server>__<tool>`.
 *
 * Those of plugins and of the user's account at claude.ai are left out, since no file tells of them for
 * certain. If a file that may name one can't be read, nothing is said to be missing.
 *
 * These files hold tokens: only names are taken from them.
 */
export function missingMcpServers(used: readonly string[], directory: string, places: McpPlaces): string[] {
  const asked = used.filter((name) => !/^(?:plugin|claude_ai)_/.test(name));
  if (asked.length === 0) return [];
  const configured = configuredServers(directory, places)?.map(toolForm);
  if (configured === undefined) return [];
  return asked.filter((name) => !configured.some((here) => here === name || here.startsWith(`${name}__`)));
}

/** The names of all servers that a `claude` in `directory` is told of; undefined if a file can't be read. */
function configuredServers(directory: string, places: McpPlaces): string[] | undefined {
  const here = realPath(directory);
  const user = settingsIn(userSettings(places));
  const shared = pathUp(here).map((folder) => settingsIn(join(folder, '.mcp.json')));
  if (user === undefined || shared.includes(undefined)) return undefined;
  const projects = isObject(user['projects']) ? user['projects'] : {};
  const keys = [here, gitRootOf(here)].flatMap((path) => (path === null ? [] : [path, path.split(sep).join('/')]));
  const local = keys.map((key) => (Object.hasOwn(projects, key) ? projects[key] : undefined));
  return [user, ...shared, ...local].flatMap(serverNames);
}

/** The file of a user's own settings, which is beside Claude Code's folder unless that was moved. */
function userSettings({ claudeFolder, variables, home }: McpPlaces): string {
  return join(variables['CLAUDE_CONFIG_DIR'] ? claudeFolder : home, '.claude.json');
}

/** The object in a file; empty if there is no file, undefined if it can't be read or holds something else. */
function settingsIn(path: string): Record<string, unknown> | undefined {
  try {
    const bytes = readSmallFile(path, MOST_BYTES);
    return typeof bytes === 'string' ? undefined : (parseObject(bytes.toString('utf8')) ?? undefined);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? {} : undefined;
  }
}

function serverNames(settings: unknown): string[] {
  const servers = isObject(settings) ? settings['mcpServers'] : undefined;
  return isObject(servers) ? Object.keys(servers) : [];
}

/** A server's name as it is in the names of its tools. */
function toolForm(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_');
}

/** `directory` and all above it. */
function pathUp(directory: string): string[] {
  const above = dirname(directory);
  return above === directory ? [directory] : [directory, ...pathUp(above)];
}
