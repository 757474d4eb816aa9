// Solves one linear program after another in a thread of its own, so that nobody waits for it. What
// goes wrong ends the thread, and who started it hears that.

import { parentPort } from 'node:worker_threads';
import type { LinearProgram } from '../../core/index.ts';
import { openHighs } from './highs.ts';

const solver = openHighs();

parentPort?.on('message', (program: LinearProgram) => {
  void solver.then((solve) => parentPort?.postMessage(solve(program)));
});
