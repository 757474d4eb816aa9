// Runs a built program until it has told its usage, and leaves V8's code cache of it beside it: by
// then it has loaded, and what V8 compiled for that is in the cache.

'use strict';

const path = require('node:path');
const { keepCode, scriptOf, start } = require('./launch/from-code-cache.cjs');

const file = path.resolve(process.argv[2]);
process.argv.splice(1, 2, file, '--help');
const script = scriptOf(file);
process.once('exit', (code) => {
  if (code === 0) keepCode(file, script);
});
start(file, script);
