import { Failure } from '../failure.ts';
import { type ControllingTerminal, openControllingTerminal } from './controlling-terminal.ts';

/** One choice: what is shown, and the value that it stands for. */
interface Choice<T> {
  readonly name: string;
  readonly value: T;
  readonly description?: string;
}

/** Asks the user, always on the controlling terminal and never on standard input, which may be data. */
export interface Questions {
  /** False if nobody can be asked: there is no terminal, or a model is at the keyboard. */
  readonly possible: boolean;
  /** Yes or no; the answer to a bare Return is no. */
  confirm(message: string): Promise<boolean>;
  /** Text that is not shown while typed. */
  secret(message: string): Promise<string>;
  choose<T>(message: string, choices: readonly Choice<T>[]): Promise<T>;
}

/**
 * Questions on the terminal of this process. If not `possible`, every question fails with `unavailable()`.
 */
export function terminalQuestions(possible: boolean, unavailable: () => Failure): Questions {
  async function ask<T>(
    question: (context: { input: NodeJS.ReadStream; output: NodeJS.WriteStream }) => Promise<T>,
  ): Promise<T> {
    const terminal: ControllingTerminal | null = possible ? openControllingTerminal() : null;
    if (terminal === null) throw unavailable();
    // If the terminal goes away (a closed window, a dropped ssh), nobody is left to answer.
    const hangUp = new Promise<never>((_, reject) => {
      for (const event of ['end', 'close', 'error']) terminal.input.once(event, () => reject(interrupted()));
    });
    try {
      return await Promise.race([question(terminal), hangUp]);
    } catch (error) {
      if (error instanceof Error && error.name === 'ExitPromptError') throw interrupted();
      throw error;
    } finally {
      hangUp.catch(() => {});
      terminal.close();
    }
  }

  return {
    possible,
    confirm: (message) =>
      ask(async (context) => (await import('@inquirer/confirm')).default({ message, default: false }, context)),
    secret: (message) => ask(async (context) => (await import('@inquirer/password')).default({ message }, context)),
    choose: <T>(message: string, choices: readonly Choice<T>[]) =>
      ask(async (context) =>
        (await import('@inquirer/select')).default<T>({ message, choices: [...choices] }, context),
      ),
  };
}

/** The user pressed Ctrl-C, or left. */
function interrupted(): Failure {
  return new Failure('interrupted', 'Interrupted.');
}
