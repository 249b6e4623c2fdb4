import { writeSync } from 'node:fs';
import { freezeSession } from '../../src/travel/leaving/frozen-session.ts';
import { contentsIn, leavingOptions } from './departure.ts';

// Runs as a separate process, to be killed: `freezing-child.ts <Claude folder> <session id> <state folder>`.
// It freezes a session, says so, and waits.
const [claudeFolder = '', id = '', stateFolder = ''] = process.argv.slice(2);

const frozen = await freezeSession(contentsIn(claudeFolder, id), {
  ...leavingOptions(claudeFolder, id),
  ...{ audience: { mode: 'pin' }, stateFolder, variables: {} },
});
writeSync(1, 'frozen\n');
setTimeout(() => frozen.close(), 20_000);
