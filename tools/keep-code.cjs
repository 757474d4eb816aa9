// Runs a built program until it has told its usage, and leaves V8's code cache of it beside it: by
// then it has loaded, and what V8 compiled for that is in the cache.

'use strict';

const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { scriptOf, start } = require('./launch/from-code-cache.cjs');

const file = path.resolve(process.argv[2]);
process.argv.splice(1, 2, file, '--help');
const script = scriptOf(file);
process.once('exit', () => writeFileSync(`${file}.cache`, script.createCachedData()));
start(file, script);
