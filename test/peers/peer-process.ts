import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Question {
  readonly answered: (answer: unknown) => void;
  readonly failed: (error: Error) => void;
}

/**
 * A peer process that answers requests: a line of JSON in, a line of JSON out. It ends when its standard
 * input does.
 */
export class PeerProcess {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private readonly questions: Question[] = [];
  private complaints = '';

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const child = spawn(program, [...args], { env, stdio: 'pipe' });
    this.child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.answer(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text;
    });
    child.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.complaints += error.message;
        resolve();
      });
      child.once('close', () => resolve());
    });
    void this.ended.then(() => {
      for (const { failed } of this.questions.splice(0)) failed(new Error(`${program} ended: ${this.complaints}`));
    });
  }

  /** The answer to a request. Rejects with the error that the peer reports, or if the peer ends. */
  ask<Answer>(request: object): Promise<Answer> {
    return new Promise<unknown>((answered, failed) => {
      this.questions.push({ answered, failed });
      this.child.stdin?.write(`${JSON.stringify(request)}\n`);
    }) as Promise<Answer>;
  }

  /** Ends the process, and waits until it is gone. */
  async close(): Promise<void> {
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(timer);
  }

  private answer(line: string): void {
    const question = this.questions.shift();
    const answer = JSON.parse(line) as { error?: string };
    if (answer.error === undefined) question?.answered(answer);
    else question?.failed(new Error(answer.error));
  }
}
