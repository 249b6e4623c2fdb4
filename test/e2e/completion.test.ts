import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMAND_NAMES } from '../../src/commands/table.ts';
import { Machine, SESSION, type TerminalRun } from '../support/machine.ts';
import { itIn } from '../support/shells.ts';

let machine: Machine;
const scripts: Record<string, string> = {};

beforeAll(async () => {
  machine = new Machine('user', '127.0.0.1:9');
  machine.addSession();
  const folder = join(machine.addSession(), '..');
  writeFileSync(join(folder, '$(touch x)-1111-4111-8111-111111111111.jsonl'), '');
  writeFileSync(join(machine.project, 'a-key-file'), '');
  mkdirSync(join(machine.project, 'folder'));
  mkdirSync(join(machine.project, 'my keys'));
  for (const shell of ['bash', 'zsh', 'fish']) scripts[shell] = (await machine.run(['completion', shell])).stdout;
});
afterAll(() => machine.remove());

/** What is typed before the Tab, and what is then offered or put there. */
const CASES: readonly (readonly [typed: string, offered: string | null])[] = [
  ['cclink picku', 'pickup'],
  ['cclink pickup --no-r', '--no-run'],
  ['cclink -q picku', 'pickup'],
  ['cclink --dry', '--dry-run'],
  ['cclink --ttl 1h --bur', '--burn'],
  ['cclink help revo', 'revoke'],
  ['cclink completion fi', 'fish'],
  ['cclink publish 1111', SESSION],
  ['cclink revoke 1111', SESSION],
  ['cclink 1111', SESSION],
  ['cclink init --import a-ke', 'a-key-file'],
  ['cclink export 1111', SESSION],
  ['cclink export -o a-ke', 'a-key-file'],
  ['cclink import a-ke', 'a-key-file'],
  ['cclink import a-key-file --into fold', 'folder'],
  ['cclink import --map /a=/b --as', '--as-new'],
];

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s knows every command and its options', (shell) => {
    for (const word of [...COMMAND_NAMES, 'help', shell === 'fish' ? '-l no-run' : '--no-run', 'age-identity'])
      expect(scripts[shell]).toContain(word);
  });

  it('says in its help how to set it up, and each script says the same', async () => {
    const { stdout } = await machine.run(['completion', '--help']);
    for (const [shell, script] of Object.entries(scripts)) {
      const line = new RegExp(`^ +(in ~/\\.${shell}rc|once): +(.*)$`, 'm');
      const [, , setUp = ''] =
        [...stdout.matchAll(new RegExp(line, 'gm'))].find(([all]) => all.includes(` ${shell}`)) ?? [];
      expect(setUp).toContain(`cclink completion ${shell}`);
      expect(script).toContain(setUp);
    }
  });

  itIn('bash').each(CASES)('in bash makes of "%s" %s', (typed, offered) => {
    const words = typed.split(' ');
    const line = `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _cclink; echo "\${COMPREPLY[@]}"`;
    const out = execFileSync('bash', ['-c', `${scripts['bash']}\n${line}`], { cwd: machine.project, env: machine.env });
    expect(String(out)).toBe(`${offered}\n`);
  });

  itIn('fish').each(CASES)('in fish makes of "%s" %s', (typed, offered) => {
    const out = execFileSync('fish', ['--no-config', '-c', `${scripts['fish']}\ncomplete -C '${typed}'`], {
      cwd: machine.project,
      env: machine.env,
    });
    const words = String(out)
      .split('\n')
      .map((line) => line.split('\t')[0]?.replace(/\/$/, ''));
    expect(words).toContain(offered);
  });

  const ARGS = { bash: ['--norc', '-i'], zsh: ['-f', '-i'] };
  describe.each(['bash', 'zsh'] as const)('in a terminal with %s', (shell) => {
    itIn(shell)('goes into a folder, whatever its name, and leaves to claude what is for claude', async () => {
      for (const [typed, expected] of [
        ['cclink init --import my', ':cclink init --import my keys/?\n'],
        ['cclink pickup -- --qui', ':cclink pickup -- --qui\n'],
      ] as const) {
        const run = machine.shell(shell, ARGS[shell]);
        const setUp = shell === 'bash' ? 'eval "$(cclink completion bash)"' : 'source <(cclink completion zsh)';
        await run.answers(/ready> /, `${setUp}; echo set up\r`);
        await run.answers(/\nset up\n/, `${typed}\t\u0001echo :\r`);
        await run.sees(new RegExp(`\n${expected}`));
        run.closeWindow();
      }
    });
  });

  describe.each(['source', 'fpath'])('in zsh, set up by %s', (how) => {
    itIn('zsh')('works at the first Tab of a shell', async () => {
      const folder = join(machine.home, 'functions');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, '_cclink'), scripts['zsh'] ?? '');
      const setUp =
        how === 'source'
          ? `source <(cclink completion zsh)`
          : `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -u -D`;
      for (const [typed, offered] of how === 'source' ? CASES : CASES.slice(0, 1)) {
        const run: TerminalRun = machine.shell('zsh', ['-f', '-i']);
        await run.answers(/ready> /, `${setUp}; echo set up\r`);
        // Tab, then to the start of the line: what stands there is printed.
        await run.answers(/\nset up\n/, `${typed}\t\u0001echo :\r`);
        await run.sees(new RegExp(`\n:${typed.split(' ').slice(0, -1).join(' ')} ${offered}`));
        run.closeWindow();
      }
    });
  });
});
