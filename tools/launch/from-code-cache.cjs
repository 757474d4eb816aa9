// Starts a bundle from V8's code cache of it, which the build left beside it: of the CPU time that
// `punnet` takes to answer, a quarter goes into compiling otherwise. Without one that fits (another
// Node.js, another bundle, a damaged file) it is compiled as ever.

'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { Module, createRequire } = require('node:module');
const path = require('node:path');
const { Script, constants } = require('node:vm');
const zlib = require('node:zlib');

/** The bundle, compiled. */
function scriptOf(file) {
  const source = sourceOf(file);
  return new Script(source, {
    filename: file,
    cachedData: cacheOf(file, source),
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

/** What is written to a file: V8 itself looks only at the length of a source, and trusts the rest. */
function sealed(source, code) {
  const seal = Buffer.alloc(8);
  seal.writeUInt32LE(zlib.crc32(source), 0);
  seal.writeUInt32LE(zlib.crc32(code), 4);
  return Buffer.concat([seal, code]);
}

function cacheOf(file, source) {
  try {
    const bytes = readFileSync(`${file}.cache`);
    const code = bytes.subarray(8);
    // An older Node.js has no crc32, and throws here.
    return sealed(source, code).equals(bytes) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps what V8 has compiled of the bundle so far. */
function keepCode(file, script) {
  writeFileSync(`${file}.cache`, sealed(sourceOf(file), script.createCachedData()));
}

function sourceOf(file) {
  return Module.wrap(readFileSync(file, 'utf8').replace(/^#!.*/, ''));
}

module.exports = { keepCode, scriptOf, start };
