// The order of turns is the same whether it was looked at on the way or not.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instant, jobId } from '../../scheduler/core/index.ts';
import { Turns } from '../../scheduler/core/queue/turns.ts';
import { CoreHarness, pi3, template } from '../scheduler/core/harness.ts';
import { propertyRuns } from '../property-runs.ts';

const researchers = ['ada', 'bob', 'eve'];

const world = fc.record({
  quotas: fc.tuple(...researchers.map(() => fc.option(fc.integer({ min: 1, max: 4 })))),
  jobs: fc.array(fc.record({ of: fc.nat({ max: 2 }), priority: fc.nat({ max: 1 }) }), {
    minLength: 1,
    maxLength: 6,
  }),
  gifts: fc.array(fc.record({ which: fc.nat({ max: 9 }), work: fc.constantFrom(1, 10, 1_000) }), {
    maxLength: 12,
  }),
});

test('turns are the same whether they were looked at on the way or not', () => {
  fc.assert(
    fc.property(world, ({ quotas, jobs, gifts }) => {
      const core = new CoreHarness();
      core.setSite('home', 10e6);
      // Its disk is full: all jobs wait.
      core.node('pi', 'home', { ...pi3, diskBytes: 0 });
      for (const [index, name] of researchers.entries()) {
        const settings = { weight: 1 + index, maxLeases: quotas[index] ?? null };
        core.researcher(name);
        core.give({ kind: 'setResearcher', name, settings });
      }
      for (const [number, { of, priority }] of jobs.entries()) {
        const researcher = researchers[of] ?? '';
        const name = `job ${number}`;
        core.give({
          ...{ kind: 'submitJob', jobId: jobId(name), researcher, requestId: name },
          template: template({ name, priority }),
        });
      }
      const now = instant(core.nowMs);
      const [looked, fresh] = [new Turns(core.state, now), new Turns(core.state, now)];
      const all = [...core.state.jobs.values()];
      for (const { which, work } of gifts) {
        const job = all[which % all.length];
        if (job === undefined || !looked.mayHave(job)) continue;
        for (const turns of [looked, fresh]) turns.give(job, { workGhzSeconds: work, bits: work });
        expect(looked.groups.flat().every((each) => looked.mayHave(each))).toBe(true);
      }
      expect(looked.groups).toEqual(fresh.groups);
    }),
    { numRuns: propertyRuns(100) },
  );
});
