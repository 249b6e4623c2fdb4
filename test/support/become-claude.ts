import { becomeClaude } from '../../src/process/become-claude.ts';

// Runs bundled, as a separate process: becomes what the environment variable BECOME says, and ends with its
// exit code.
const { claudePath, args, directory, env, touchStdin } = JSON.parse(process.env['BECOME'] ?? '');
// As in cclink, where other code may have listened before.
process.on('SIGINT', () => process.exit(130));
if (touchStdin) process.stdin.once('data', () => {});
try {
  process.exitCode = await becomeClaude({ claudePath, args, directory, env, started: async () => {} });
} catch (error) {
  const { code, message } = error as { code?: string; message?: string };
  console.error(JSON.stringify({ code, message }));
  process.exitCode = 99;
}
