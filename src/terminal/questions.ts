import type { Failure } from '../failure.ts';
import { interruption } from '../interruption.ts';
import { ControllingTerminal } from './controlling-terminal.ts';
import { KeyReader } from './keys.ts';
import type { Output } from './output.ts';
import { type Choice, ChoosePrompt, ConfirmPrompt, type Prompt, SecretPrompt } from './prompts.ts';
import type { Style } from './style.ts';

/**
 * Asks the user, always on the controlling terminal and never on standard input, which may be data. Ctrl-C
 * and Ctrl-D fail with `interrupted`, whatever is asked, and say how things stand (`interruptible`).
 *
 * `instead` says what to do where nobody can be asked, as in `Answer it with -y`; null if there is nothing.
 */
export interface Questions {
  /** False if nobody can be asked: there is no terminal, or a model is at the keyboard. */
  readonly possible: boolean;
  /** Yes or no; the answer to a bare Return is no. */
  confirm(message: string, instead: string | null): Promise<boolean>;
  /**
   * Text (UTF-8 bytes, which the caller wipes) that is not shown while typed. Nor is anything that is typed
   * afterwards, until the next question or `release`: it may be the next attempt, typed too early.
   */
  secret(message: string, instead: string | null): Promise<Uint8Array>;
  /** One of several; the first is marked, which a bare Return takes. */
  choose<T>(message: string, choices: readonly Choice<T>[], instead: string | null): Promise<T>;
  /** Gives the terminal back, before another program uses it. */
  release(): void;
}

/**
 * Questions on the terminal of this process. If not `possible`, every question fails with `unavailable()`.
 */
export function terminalQuestions(
  possible: boolean,
  unavailable: (question: string, instead: string | null) => Failure,
  { style, whileAsking }: { readonly style: Style; readonly whileAsking: Output['whileAsking'] },
): Questions {
  let terminal: ControllingTerminal | null = null;
  const release = () => {
    terminal?.close();
    terminal = null;
  };
  async function ask<T>(
    message: string,
    instead: string | null,
    { open, holds }: { readonly open: (terminal: ControllingTerminal) => Prompt<T>; readonly holds: boolean },
  ): Promise<T> {
    terminal ??= possible ? ControllingTerminal.open() : null;
    if (terminal === null) throw unavailable(message, instead);
    let isAnswered = false;
    try {
      const answer = await whileAsking(answerTo(terminal, open(terminal)));
      isAnswered = true;
      return answer;
    } finally {
      if (!(isAnswered && holds)) release();
    }
  }

  return {
    possible,
    confirm: (message, instead) =>
      ask(message, instead, { open: ({ size }) => new ConfirmPrompt(message, style, size()[0]), holds: false }),
    secret: (message, instead) =>
      ask(message, instead, { open: ({ size }) => new SecretPrompt(message, style, size()[0]), holds: true }),
    choose: (message, choices, instead) =>
      ask(message, instead, {
        open: ({ size }) => new ChoosePrompt(message, choices, { size, style }),
        holds: false,
      }),
    release,
  };
}

/** Shows a prompt and waits for its answer. Throws `interrupted` on Ctrl-C and Ctrl-D. */
async function answerTo<T>(terminal: ControllingTerminal, prompt: Prompt<T>): Promise<T> {
  const reader = new KeyReader();
  try {
    return await new Promise<T>((resolve, reject) => {
      const typed = (bytes: Uint8Array) => {
        for (const key of reader.keys(bytes)) {
          if (key === 'cancel') return reject(interruption());
          const pressed = prompt.press(key);
          if (typeof pressed !== 'string') return resolve(pressed.answer);
          if (pressed !== '') terminal.write(pressed);
        }
      };
      terminal.listen({
        typed,
        redraw: () => terminal.write(prompt.draw()),
        resized: () => terminal.write(prompt.resized()),
      });
      terminal.write(prompt.draw());
    });
  } finally {
    terminal.listen(null);
    terminal.write('\n');
    prompt.wipe();
  }
}
