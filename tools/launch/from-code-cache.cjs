// Starts a bundle from V8's code cache of it, which the build left beside it: a third of the time in
// which `punnet` answers goes into compiling otherwise. Without one that fits (another Node.js, a
// bundle alone) it is compiled as ever.

'use strict';

const { readFileSync } = require('node:fs');
const { Module, createRequire } = require('node:module');
const path = require('node:path');
const { Script, constants } = require('node:vm');

/** The bundle, compiled. */
function scriptOf(file) {
  return new Script(Module.wrap(readFileSync(file, 'utf8').replace(/^#!.*/, '')), {
    filename: file,
    cachedData: readIfThere(`${file}.cache`),
    // An older Node.js, which has no such constant, is told what it lacks by the bundle.
    importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** Runs it as Node.js runs a CommonJS module. */
function start(file, script = scriptOf(file)) {
  const module = new Module(file);
  module.filename = file;
  const run = script.runInThisContext();
  run.call(module.exports, module.exports, createRequire(file), module, file, path.dirname(file));
}

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

module.exports = { scriptOf, start };
