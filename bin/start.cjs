// Starts the program, on a Node that is new enough. Questions whose answer never changes are answered from what the
// build wrote down, without loading the program: --version, all helps, completion scripts. In a narrow terminal the
// help is laid out anew.
const answers = process.argv.length > 4 ? {} : require('../dist/answers.json');
const typed = process.argv.slice(2).join('\n');
if (!Object.hasOwn(answers, typed) || process.stdout.columns < 80) {
  import('../dist/main.js').catch(notLoaded);
} else {
  // A reader that left (head) is no failure; a full disk is.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.stdout.write(answers[typed]);
}

/** Whatever fails once the program is there, it tells by itself: so this is a file of it that can't be read. */
function notLoaded({ code, message }) {
  const isLimit = code === 'EMFILE' || code === 'ENFILE';
  const error = {
    code: 'refused',
    message: `cclink could not be loaded: ${message}`,
    hint: isLimit ? 'Close other programs, or raise the limit (ulimit -n), and try again.' : 'Install it once more.',
  };
  const wantsJson = process.argv.includes('--json');
  console.error(wantsJson ? JSON.stringify({ error }) : `Error: ${error.message}\n${error.hint}`);
  process.exit(5);
}
