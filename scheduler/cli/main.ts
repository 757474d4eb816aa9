#!/usr/bin/env node
// The `punnet` command: hands the process to the program and takes back an exit code.
import process from 'node:process';
import { runProgram } from './program.ts';

// grpc-js names an IP endpoint in TLS, which Node calls deprecated: no news for a researcher.
process.noDeprecation = process.env['PUNNET_DEBUG'] !== '1';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  // A command that does not watch ends at once; a second Ctrl-C ends it in any case.
  process.once('SIGINT', () => process.exit(130));
  if (!process.argv.includes('--watch')) process.exit(130);
});
// `punnet tasks JOB | head` is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

void runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  // Undefined, against its type, where the output is not a terminal.
  isTty: Boolean(process.stdout.isTTY),
  env: process.env,
  signal: interrupt.signal,
  now: () => Date.now(),
}).then((code) => {
  process.exitCode = code;
});
