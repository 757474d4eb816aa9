// A process of the pool: runs what it is told, one run at a time, until its parent goes.

import process from 'node:process';
import { CheckFailed } from '../run/checks.ts';
import type { Wanted } from '../run/simulate.ts';
import { simulate } from '../run/simulate.ts';
import type { Answer } from './run-pool.ts';

process.on('message', (wanted: Wanted) => {
  void answer(wanted).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit(0));

async function answer(wanted: Wanted): Promise<Answer> {
  try {
    const { summary } = await simulate(wanted, () => undefined);
    return { kind: 'done', summary };
  } catch (error) {
    const isStuck = error instanceof CheckFailed && error.isStuck;
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', why, isStuck };
  }
}
