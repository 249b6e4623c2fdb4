import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type McpPlaces, missingMcpServers } from '../../src/claude/mcp-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let home: string;
let project: string;
let places: McpPlaces;

beforeEach(() => {
  home = realpathSync(temporaryFolder());
  project = join(home, 'work/proj');
  mkdirSync(project, { recursive: true });
  places = { claudeFolder: join(home, '.claude'), variables: {}, home };
});

/** Settings with servers, as `claude mcp add` writes them. */
function servers(...names: string[]) {
  return { mcpServers: Object.fromEntries(names.map((name) => [name, { command: 'x', env: { TOKEN: 'secret' } }])) };
}

function write(path: string, content: unknown): void {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

const missing = (...used: string[]) => missingMcpServers(used, project, places);

describe('MCP servers that are not configured here', () => {
  it('are those that no settings of the user, the project and the directories above it name', () => {
    mkdirSync(join(home, 'work/.git'));
    write(join(home, '.claude.json'), {
      ...servers('user'),
      projects: { [join(home, 'work')]: servers('root'), [project]: servers('local'), '/other': servers('elsewhere') },
    });
    write(join(home, '.mcp.json'), servers('above'));
    write(join(project, '.mcp.json'), servers('shared'));
    expect(missing('user', 'root', 'local', 'above', 'shared', 'elsewhere', 'github')).toEqual(['elsewhere', 'github']);
    expect(missing()).toEqual([]);
  });

  it('are all, where there are no settings', () => {
    expect(missing('github')).toEqual(['github']);
  });

  it('are looked for by the names that their tools have', () => {
    write(join(home, '.claude.json'), servers('my.server x', 'a__b'));
    expect(missing('my_server_x', 'a', 'a__b', 'b')).toEqual(['b']);
  });

  it('may be set up in the Claude folder, where that was moved', () => {
    const claudeFolder = join(home, 'config');
    mkdirSync(claudeFolder);
    write(join(home, '.claude.json'), servers('old'));
    write(join(claudeFolder, '.claude.json'), servers('new'));
    places = { claudeFolder, variables: { CLAUDE_CONFIG_DIR: claudeFolder }, home };
    expect(missing('old', 'new')).toEqual(['old']);
  });

  it('are found through a link to the project', () => {
    write(join(home, '.claude.json'), { projects: { [project]: servers('local') } });
    symlinkSync(project, join(home, 'link'));
    expect(missingMcpServers(['local'], join(home, 'link'), places)).toEqual([]);
  });

  it('are not claimed of plugins and of claude.ai, nor where a file can not be read', () => {
    expect(missing('plugin_docs_search', 'claude_ai_Gmail')).toEqual([]);
    write(join(home, '.claude.json'), '{"mcpServers":');
    expect(missing('github')).toEqual([]);
    write(join(home, '.claude.json'), '{}');
    mkdirSync(join(project, '.mcp.json'));
    expect(missing('github')).toEqual([]);
  });

  it('are not taken from what every object has', () => {
    write(join(home, '.claude.json'), { mcpServers: [], projects: { [project]: 'none' } });
    expect(missing('constructor', '__proto__', 'length')).toEqual(['constructor', '__proto__', 'length']);
  });
});
