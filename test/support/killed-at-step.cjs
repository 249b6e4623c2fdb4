// Loaded into the program before all else (`--require`): kills it right before the step of this number that
// changes a name on the disk, counted from 0; without a number, tells on standard error how many there were.
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const killAt = Number(process.env['KILL_AT_STEP'] ?? Number.NaN);
let steps = 0;
for (const name of ['mkdirSync', 'renameSync', 'linkSync', 'unlinkSync', 'rmSync', 'rmdirSync']) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (steps === killAt) process.kill(process.pid, 'SIGKILL');
    steps += 1;
    return original(...args);
  };
}
syncBuiltinESMExports();
if (Number.isNaN(killAt)) process.on('exit', () => fs.writeSync(2, `\nsteps: ${steps}\n`));
