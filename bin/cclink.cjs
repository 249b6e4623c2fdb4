#!/usr/bin/env node
// A project folder may put any Node first on PATH (nvm, asdf). So this file has no syntax that is younger than
// ES5, and loads the rest only where Node is new enough for it.
var needed = [20, 19];
var found = process.versions.node.split('.').map(Number);

if (found[0] > needed[0] || (found[0] === needed[0] && found[1] >= needed[1])) {
  require('./start.cjs');
} else {
  refuse();
}

function refuse() {
  var message =
    'This is Node ' +
    process.version +
    ' (' +
    process.execPath +
    '), and cclink needs ' +
    needed.join('.') +
    ' or newer.';
  var hint =
    'Put a newer Node first on your PATH (nvm install --lts, or your .tool-versions), ' +
    'or install cclink with its install.sh: that one keeps to its own Node.';
  var wantsJson = process.argv.indexOf('--json') > 1;
  var error = { code: 'usage', message: message, hint: hint };
  console.error(wantsJson ? JSON.stringify({ error: error }) : 'Error: ' + message + '\n' + hint);
  process.exit(2);
}
