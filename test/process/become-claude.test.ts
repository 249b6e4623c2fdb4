import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SOURCE = fileURLToPath(new URL('../support/become-claude.ts', import.meta.url));
const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;

let built = '';
beforeAll(() => {
  built = mkdtempSync(join(tmpdir(), 'cclink-test-'));
  const outfile = join(built, 'become.mjs');
  buildSync({ entryPoints: [SOURCE], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  // Older versions of Node can't replace a process; this shows on newer ones what they do instead.
  writeFileSync(join(built, 'as-child.mjs'), `delete process.execve;\nawait import('./become.mjs');\n`);
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

interface Start {
  readonly args?: readonly string[];
  readonly directory?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly claudePath?: string;
  readonly touchStdin?: boolean;
}

/** A stand-in for `claude` that records how it was started, then runs `script`. */
function standIn(script = '') {
  const folder = realpathSync(temporaryFolder());
  const directory = join(folder, 'proj');
  mkdirSync(directory);
  const claudePath = join(folder, 'claude');
  const record = join(folder, 'start.json');
  writeFileSync(
    claudePath,
    `#!${process.execPath}
const fs = require('node:fs'), tty = require('node:tty');
fs.writeFileSync(${JSON.stringify(`${record}.new`)}, JSON.stringify({
  pid: process.pid, args: process.argv.slice(2), cwd: process.cwd(), env: process.env,
  terminals: [0, 1, 2].map((fd) => tty.isatty(fd)),
}));
fs.renameSync(${JSON.stringify(`${record}.new`)}, ${JSON.stringify(record)});
${script}
`,
    { mode: 0o755 },
  );
  return {
    folder,
    directory,
    claudePath,
    start: (more: Start = {}) => ({ claudePath, args: [], directory, env: { PATH }, ...more }),
    async started(): Promise<{
      pid: number;
      args: string[];
      cwd: string;
      env: Record<string, string>;
      terminals: boolean[];
    }> {
      for (let tries = 0; !existsSync(record); tries++) {
        if (tries > 500) throw new Error('claude was not started');
        await new Promise((go) => setTimeout(go, 10));
      }
      return JSON.parse(readFileSync(record, 'utf8'));
    },
  };
}

const ways = [
  ...('execve' in process ? [{ way: 'in place of the process', program: 'become.mjs', replaces: true }] : []),
  { way: 'as a child', program: 'as-child.mjs', replaces: false },
];

describe.each(ways)('Claude Code started $way', ({ program, replaces }) => {
  /** Without any terminal: in a new session, with pipes. */
  const withoutTerminal = (start: object): ChildProcess => {
    const child = spawn(process.execPath, [join(built, program)], {
      env: { PATH, BECOME: JSON.stringify(start) },
      detached: true,
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };

  /** Runs a shell line in a pseudo-terminal; `$NODE $PROGRAM` in it starts the program. */
  const inTerminal = (start: object, line = 'exec "$NODE" "$PROGRAM"') => {
    const env = { PATH, BECOME: JSON.stringify(start), NODE: process.execPath, PROGRAM: join(built, program) };
    const pty = spawnPty('/bin/sh', ['-c', line], { env, cwd: built });
    let screen = '';
    pty.onData((data) => {
      screen += data;
    });
    const ended = new Promise<{ exitCode: number; signal?: number }>((done) => pty.onExit(done));
    onTestFinished(() => pty.kill('SIGKILL'));
    return {
      pty,
      ended,
      async shows(part: string) {
        for (let tries = 0; !screen.includes(part); tries++) {
          if (tries > 500) throw new Error(`“${part}” did not come: ${screen}`);
          await new Promise((go) => setTimeout(go, 10));
        }
      },
    };
  };

  it('has the arguments, the directory and the environment that it was given, and no other', async () => {
    const { start, directory, started } = standIn();
    const args = ['--resume', 'x', "a b'c", '', 'grüße'];
    const child = withoutTerminal(start({ args, env: { PATH, ONE: '1', CLAUDE_CONFIG_DIR: '/c', PWD: '/old' } }));
    expect(await once(child, 'exit')).toEqual([0, null]);
    const seen = await started();
    expect(seen.args).toEqual(args);
    expect(seen.cwd).toBe(directory);
    expect(seen.env).toMatchObject({ PATH, ONE: '1', CLAUDE_CONFIG_DIR: '/c', PWD: directory });
    expect(seen.env).not.toHaveProperty('BECOME');
    expect(seen.pid === child.pid).toBe(replaces);
  });

  it('finds its folder where we found it, though it starts elsewhere', async () => {
    const { start, started } = standIn();
    const child = withoutTerminal(start({ env: { PATH, CLAUDE_CONFIG_DIR: 'conf' } }));
    await once(child, 'exit');
    expect((await started()).env['CLAUDE_CONFIG_DIR']).toBe(join(process.cwd(), 'conf'));
    const other = standIn();
    await once(withoutTerminal(other.start({ env: { PATH, CLAUDE_CONFIG_DIR: '' } })), 'exit');
    expect((await other.started()).env).not.toHaveProperty('CLAUDE_CONFIG_DIR');
  });

  it('writes to our streams, and its exit code is ours', async () => {
    const { start } = standIn(`console.log('out'); console.error('err'); process.exitCode = 42;`);
    const child = withoutTerminal(start());
    const [[code], out, err] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout as NodeJS.ReadableStream),
      text(child.stderr as NodeJS.ReadableStream),
    ]);
    expect([code, out, err]).toEqual([42, 'out\n', 'err\n']);
  });

  it('reads our standard input where there is no terminal, and we read nothing of it', async () => {
    const { start } = standIn(`process.stdin.pipe(process.stdout);`);
    const child = withoutTerminal(start());
    child.stdin?.end('all of it');
    expect(await text(child.stdout as NodeJS.ReadableStream)).toBe('all of it');
  });

  it('has the terminal that we have', async () => {
    const { start, started } = standIn(
      `console.log('ready'); process.stdin.once('data', (key) => process.exit(key[0]));`,
    );
    const { pty, shows, ended } = inTerminal(start());
    await shows('ready');
    expect((await started()).terminals).toEqual([true, true, true]);
    pty.write('*\r');
    expect((await ended).exitCode).toBe('*'.charCodeAt(0));
  });

  it.each([
    ['a pipe', 'echo data | "$NODE" "$PROGRAM"', [true, true, true]],
    ['a file', '"$NODE" "$PROGRAM" < "$PROGRAM"', [true, true, true]],
    ['nothing at all', '"$NODE" "$PROGRAM" <&-', [true, true, true]],
    ['a pipe, and the output another', 'echo data | "$NODE" "$PROGRAM" 2>/dev/null | cat', [true, false, false]],
  ])('reads the terminal where our own standard input is %s', async (_, line, terminals) => {
    for (const touchStdin of [false, true]) {
      const { start, started } = standIn(
        `console.log('ready'); process.stdin.once('data', (typed) => { console.log('got ' + typed); process.exit(0); });`,
      );
      const { pty, shows, ended } = inTerminal(start({ touchStdin }), line);
      await shows('ready');
      expect((await started()).terminals).toEqual(terminals);
      pty.write('hello\r');
      await shows('got hello');
      expect((await ended).exitCode).toBe(0);
    }
  });

  it('can take Ctrl-C and Ctrl-\\ for itself', async () => {
    const { start } = standIn(`
      let signals = '';
      for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => {
        console.log(signals += signal + ' ');
        if (signals === 'SIGINT SIGQUIT ') process.exit(7);
      });
      setTimeout(() => {}, 15000);
      console.log('ready');`);
    const { pty, shows, ended } = inTerminal(start());
    await shows('ready');
    pty.write('\u0003');
    await shows('SIGINT');
    pty.write('\u001c');
    expect((await ended).exitCode).toBe(7);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('is told of %s, and may end in peace', async (signal) => {
    const { start, started } = standIn(`
      process.on('${signal}', () => setTimeout(() => process.exit(5), 50));
      setTimeout(() => {}, 15000);
      console.log('ready');`);
    const child = withoutTerminal(start());
    await started();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([5, null]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends us of %s when it ended of it', async (signal) => {
    const { start } = standIn(`process.kill(process.pid, '${signal}'); setTimeout(() => {}, 15000);`);
    expect(await once(withoutTerminal(start()), 'exit')).toEqual([null, signal]);
  });

  it('leaves an exit code that tells of another signal that ended it', async () => {
    const { start } = standIn(`process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 15000);`);
    const expected = replaces ? [null, 'SIGKILL'] : [128 + constants.signals.SIGKILL, null];
    expect(await once(withoutTerminal(start()), 'exit')).toEqual(expected);
  });

  it.runIf(process.platform === 'linux')('ignores no signal that a program usually does not ignore', async () => {
    const { folder, start } = standIn();
    const claudePath = join(folder, 'signals');
    writeFileSync(claudePath, '#!/bin/sh\ngrep SigIgn /proc/self/status\n', { mode: 0o755 });
    const child = withoutTerminal(start({ claudePath }));
    expect(await text(child.stdout as NodeJS.ReadableStream)).toBe('SigIgn:\t0000000000000000\n');
  });

  it('may be a script without an interpreter, as a shell would take it', async () => {
    const { folder, start } = standIn();
    const claudePath = join(folder, 'bare');
    writeFileSync(claudePath, 'echo "bare $1"\nexit 3\n', { mode: 0o755 });
    const child = withoutTerminal(start({ claudePath, args: ['x'] }));
    const [[code], out] = await Promise.all([once(child, 'exit'), text(child.stdout as NodeJS.ReadableStream)]);
    expect([code, out]).toEqual([3, 'bare x\n']);
  });

  it('fails in words where the program or the directory is not there', async () => {
    const { folder, start } = standIn();
    const brokenPath = join(folder, 'broken');
    writeFileSync(brokenPath, '#!/no/such/interpreter\n', { mode: 0o755 });
    for (const [more, failure] of [
      [{ claudePath: join(folder, 'missing') }, 'no-claude'],
      [{ claudePath: brokenPath }, 'no-claude'],
      [{ directory: join(folder, 'missing') }, 'no-session'],
    ] as const) {
      const child = withoutTerminal(start(more));
      const [[code], err] = await Promise.all([once(child, 'exit'), text(child.stderr as NodeJS.ReadableStream)]);
      expect(code).toBe(99);
      expect(JSON.parse(err)).toMatchObject({ code: failure });
    }
  });
});
