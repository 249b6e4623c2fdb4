import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeOptions, parseOptions } from '../../src/process/claude-options.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HELP = `Usage: claude [options] [command] [prompt]

Options:
  --add-dir <directories...>            More directories Claude can access
  --allowedTools, --allowed-tools <tools...>
      Comma or space-separated list of tool names to allow (e.g. "Bash(git *)
      Edit")
  -p, --print                           Print response and exit (only works with
                                        --made-up)
      --also-made-up in a sentence
  --system-prompt-snapshot <on|off>     Record the system prompt once
`;

describe('the options of claude', () => {
  it('are those that its help lists, in one column or two', () => {
    const known = ['--add-dir', '--allowedTools', '--allowed-tools', '--print', '--system-prompt-snapshot'];
    expect([...parseOptions(HELP)]).toEqual(known);
    expect(parseOptions('')).toEqual(new Set());
  });

  it('are asked of the program', async () => {
    const path = join(temporaryFolder(), 'claude');
    writeFileSync(path, `#!/bin/sh\n[ "$*" = --help ] && echo "  --resume [value]  $WHAT"\n`);
    chmodSync(path, 0o755);
    expect(await claudeOptions(path, { WHAT: 'go on' })).toEqual(new Set(['--resume']));
    expect(await claudeOptions(join(temporaryFolder(), 'claude'), {})).toEqual(new Set());
  });
});
