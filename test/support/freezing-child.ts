import { writeSync } from 'node:fs';
import { describeSession } from '../../src/claude/session.ts';
import { sessionContents } from '../../src/claude/session-contents.ts';
import { findTranscripts } from '../../src/claude/transcript-files.ts';
import { freezeSession } from '../../src/travel/frozen-session.ts';

// Runs as a separate process, to be killed: `freezing-child.ts <Claude folder> <session id> <state folder>`.
// It freezes a session, says so, and waits.
const [claudeFolder = '', id = '', stateFolder = ''] = process.argv.slice(2);

const [transcript] = findTranscripts(claudeFolder, id);
if (transcript === undefined) throw new Error('no transcript');
const frozen = await freezeSession(() => sessionContents(claudeFolder, transcript, { memory: false, secrets: [] }), {
  session: describeSession(transcript),
  audience: { mode: 'pin' },
  withoutThinking: false,
  git: null,
  machine: { home: '/home/alice', host: 'laptop', platform: 'linux' },
  nowMs: 0,
  stateFolder,
  variables: {},
});
writeSync(1, 'frozen\n');
setTimeout(() => frozen.close(), 20_000);
