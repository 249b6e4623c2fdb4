import { fork } from 'node:child_process';

/**
 * What a child process can be asked to do, by name. Arguments and results are copied between the processes.
 */
type Work = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

interface Question {
  readonly does: string;
  readonly args: never[];
}

/** In the child: does what the parent asks for, until the parent is gone. */
export function serve(work: Work): void {
  process.on('message', async ({ does, args }: Question) => {
    process.send?.({ result: await work[does]?.(...args) });
  });
  process.on('disconnect', () => process.exit());
}

/** A process that does the work of `W`. */
export interface WorkingChild<W extends Work> {
  /** Has it do something, one thing at a time. Rejects if the process ends before it answers. */
  ask<Does extends keyof W & string>(does: Does, ...args: Parameters<W[Does]>): Promise<Awaited<ReturnType<W[Does]>>>;
  close(): void;
}

/** Starts a TypeScript file that serves `W` as a process, so that it shares no event loop with its user. */
export function startWorkingChild<W extends Work>(
  script: URL,
  options: { args?: readonly string[]; execArgv?: readonly string[] } = {},
): WorkingChild<W> {
  const { args = [], execArgv = [] } = options;
  const child = fork(script, args, {
    execArgv: ['--import', import.meta.resolve('tsx'), ...execArgv],
    serialization: 'advanced',
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`${script.pathname} ended: ${code ?? signal}`)));
  });
  ended.catch(() => {});
  return {
    ask(does, ...args) {
      const answered = new Promise<never>((resolve) => {
        child.once('message', ({ result }: { result: never }) => resolve(result));
      });
      child.send({ does, args }, () => {});
      return Promise.race([answered, ended]);
    },
    close: () => child.kill(),
  };
}
