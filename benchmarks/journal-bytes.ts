// What a finished task costs on disk: the scheduler's own core, loop and journal, and nodes that
// end each task at once. The journal must read back as the state that it was written from.

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../scheduler/adapters/journal/file-journal.ts';
import { SystemClock } from '../scheduler/adapters/system-clock.ts';
import type { Effect } from '../scheduler/core/index.ts';
import { State, apply, jobId, sha256 } from '../scheduler/core/index.ts';
import { Loop } from '../scheduler/loop.ts';
import { enrolNodes, spokeOf, templateOf } from './busy-state.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';

type Grant = Extract<Effect, { kind: 'grant' }>;

const scales = {
  full: { nodes: 1_000, tasks: 50_000 },
  tiny: { nodes: 10, tasks: 300 },
} as const;

export const journalBytes: Benchmark = {
  name: 'journal',
  about: 'bytes of the journal for a finished task, with and without a result',
  async run(size: Size): Promise<Outcome> {
    const { nodes, tasks } = scales[size];
    const wanted = { atMost: 150 };
    const figure = async (what: string, run: RunOptions): Promise<Figure> => {
      // The numbers of a task that must be on disk: lease, task, node, end, CPU time, and a hash.
      const bound = 6 * 4 + (run.hasResult ? 32 : 0);
      const baseline = { what: 'its numbers in binary', values: [bound] };
      return { what, unit: 'bytes', values: [await runTasks(run)], wanted, baseline };
    };
    const figures = [
      await figure('a task without a result', { nodes, tasks, hasResult: false }),
      await figure('a task with a result', { nodes, tasks, hasResult: true }),
      await figure('… of one node alone: each end is a batch', {
        ...{ nodes: 1, tasks: tasks / 100, hasResult: true },
      }),
    ];
    return { figures, digest: 'each journal reads back as its state' };
  },
};

interface RunOptions {
  readonly nodes: number;
  readonly tasks: number;
  readonly hasResult: boolean;
}

/** Runs the tasks and returns the bytes that each has added to the journal. */
async function runTasks(options: RunOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-bench-'));
  try {
    const nodes = new InstantNodes(options.hasResult);
    const loop = await Loop.start({
      journal: FileJournal.open(folder),
      clock: new SystemClock(),
      sink: nodes,
      onFatal: (error) => nodes.fail(error),
      onWarning: (warning) => nodes.fail(new Error(warning)),
    });
    nodes.loop = loop;
    for (const command of enrolNodes(options.nodes, Date.now())) await loop.submit(command);
    const before = sizeOf(folder);
    const template = { ...templateOf(options.tasks), manifest: null, taskInputBytes: [] };
    const request = { researcher: 'ada', requestId: 'r', template };
    await loop.submit({ kind: 'submitJob', jobId: jobId('j0123456789'), ...request });
    await nodes.ended(options.tasks);
    const job = loop.view.job(jobId('j0123456789'));
    await loop.stop();
    if (job?.counts.succeeded !== options.tasks) throw new Error(JSON.stringify(job?.counts));
    await mustReadBack(folder, options.tasks);
    return (sizeOf(folder) - before) / options.tasks;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nodes whose tasks end with the next turn of the event loop. */
class InstantNodes {
  loop: Loop | undefined;
  readonly #hasResult: boolean;
  #sequence = 1;
  #acknowledged = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(hasResult: boolean) {
    this.#hasResult = hasResult;
  }

  carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'grant') setImmediate(() => this.#end(effect));
      if (effect.kind === 'acknowledge') this.#acknowledged += 1;
    }
    if (this.#acknowledged >= this.#wanted) this.#resolve();
  }

  ended(count: number): Promise<void> {
    this.#wanted = count;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  #end({ nodeId, leaseId }: Grant): void {
    this.#sequence += 1;
    const hash = createHash('sha256').update(String(leaseId)).digest('hex');
    const result = this.#hasResult ? { sha256: sha256(hash), sizeBytes: 500 } : null;
    // Times differ from task to task, as they do in earnest: the journal is deflated.
    const cpuMs = 1_000 + ((leaseId * 7_919) % 60_000);
    const end = { leaseId, code: 'succeeded', exitCode: 0, cpuMs, wallMs: cpuMs } as const;
    const ended = [{ ...end, result, isResultPresent: true }];
    this.loop?.post({ ...spokeOf(nodeId, this.#sequence), ended });
  }
}

async function mustReadBack(folder: string, tasks: number): Promise<void> {
  const state = new State();
  const journal = FileJournal.open(folder);
  for await (const facts of (await journal.recover()).batches) {
    for (const fact of facts) apply(state, fact);
  }
  await journal.close();
  const job = state.jobById.get(jobId('j0123456789'));
  if (job?.succeeded === tasks && job.state === 'succeeded') return;
  throw new Error(`the journal reads back ${job?.succeeded} of ${tasks} tasks`);
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
