import { look } from '../handoff/pickup.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { claudeWord } from '../process/find-claude.ts';
import { describeFound, foundJson } from '../terminal/handoff-view.ts';
import { type Context, nowSeconds } from './context.ts';
import type { Declaration } from './declaration.ts';
import { withSubject } from './subject.ts';
import { WHO_HELP } from './who.ts';

export const command: Declaration = {
  argument: '[who]',
  summary: 'look a handoff up and open it, nothing else',
  help: WHO_HELP,
  json: true,
  timeout: true,
  allowedForAgent: (_options, args) => args.length === 0,
  run: ({ context, args: [who] }) => show(context, who),
};

/** `cclink show`: what a handoff holds. It is not picked up, burnt or run. */
async function show(context: Context, who: string | undefined): Promise<void> {
  const { output } = context;
  const found = await withSubject(context, who, look);
  output.result(
    foundJson(found, [], claudeWord(context.environment)),
    describeFound(found, nowSeconds(), output.resultStyle),
  );
  if (!found.local.here) output.say('The files of this session are not on this machine.');
  else if (!found.local.directoryExists) output.say('Its directory is not on this machine.');
  else
    output.say(
      `To go on with it here: cclink pickup${who === undefined ? '' : ` ${encodePublicKey(found.record.publicKey)}`}`,
    );
}
