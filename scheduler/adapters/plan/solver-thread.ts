// Solves one linear program after another in a thread of its own, so that nobody waits for it.

import { parentPort } from 'node:worker_threads';
import type { LinearProgram } from '../../core/index.ts';
import { openHighs } from './highs.ts';

const solve = await openHighs();
parentPort?.on('message', (program: LinearProgram) => {
  parentPort?.postMessage(solve(program));
});
