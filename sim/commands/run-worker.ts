// A process of the pool: runs what it is told, one run at a time, until its parent goes.

import process from 'node:process';
import { detailOf } from '../report/detail/detail.ts';
import { CheckFailed } from '../run/checks.ts';
import { simulate } from '../run/simulate.ts';
import type { Answer, WantedRun } from './run-pool.ts';

process.on('message', (wanted: WantedRun) => {
  void answer(wanted).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit(0));

async function answer({ withDetail, ...wanted }: WantedRun): Promise<Answer> {
  try {
    const { world, result, summary } = await simulate(wanted, () => undefined);
    const detail = withDetail ? detailOf(world, result) : null;
    return { kind: 'done', ran: { summary, detail } };
  } catch (error) {
    const isStuck = error instanceof CheckFailed && error.isStuck;
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', why, isStuck };
  }
}
