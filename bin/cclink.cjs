#!/usr/bin/env node
// Starts the program. A lone --version or --help is answered from what the build wrote down, without loading it.
const typed = process.argv.slice(2);
const answers = typed.length === 1 ? require('../dist/answers.json') : {};
if (!Object.hasOwn(answers, typed[0]) || process.stdout.columns < 80) {
  import('../dist/main.js');
} else {
  // A reader that left (head) is no failure; a full disk is.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.stdout.write(answers[typed[0]]);
}
