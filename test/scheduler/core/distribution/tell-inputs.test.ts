// What a researcher is told of a task that waits for its inputs: which, how much is at the site, who brings the rest, how long.

import { expect, test } from 'vitest';
import { jobId, leaseId } from '../../../../scheduler/core/index.ts';
import { ExchangingSite, bits } from './site.ts';

const chunks = 160;
const first = (count: number): Uint8Array =>
  bits(
    Array.from({ length: count }, (_, at) => at),
    chunks,
  );

/** Between "on the way" and what comes after it. */
function told(site: ExchangingSite): string {
  const { summary = '' } = site.harness.view.explain(jobId('job'), 0) ?? {};
  return /on the way(.*)\. Why there: /.exec(summary)?.[1] ?? `? ${summary}`;
}

/** Tasks of the other node fetch what they alone need. */
function bringAlone(site: ExchangingSite, leases: readonly number[]): void {
  for (const id of leases) {
    const wanted = { leaseId: leaseId(id), direction: 'down', sizeBytes: 3e6 } as const;
    site.harness.speak(nodeOf(site, id), { transfersWanted: [wanted] });
  }
}

function nodeOf({ harness: { state } }: ExchangingSite, id: number): string {
  return `pi${state.leases.get(leaseId(id))?.nodeNumber ?? '?'}`;
}

/** The line of 10 Mbit/s, of which half are the federation's, brings 0.6 MB in a second. */
test.each<[string, (site: ExchangingSite) => void, string]>([
  ['nobody has asked for it', () => undefined, ': of input data (41.9 MB) nothing is there yet'],
  [
    'its node brings it',
    (site) => site.tell(0),
    ': of input data (41.9 MB) nothing is there, pi0 brings more over its line, about 34 s for the rest',
  ],
  [
    'two bring it',
    (site) => {
      site.tell(0, { held: first(80), room: 8 });
      // The scheduler may have started anew, and is told first what nodes bring already.
      site.harness.wait(6_000);
      site.tell(1);
    },
    ': of input data (41.9 MB) 50% is there, pi0 and pi1 bring more over its line, about 17 s for the rest',
  ],
  [
    'nobody does yet',
    (site) => site.tell(0, { held: first(40), room: 0 }),
    ': of input data (41.9 MB) 25% is there, and nobody brings the rest yet',
  ],
  [
    'nobody does yet, though the line has work',
    (site) => {
      site.tell(0, { held: first(40), room: 0 });
      bringAlone(site, [2]);
    },
    ': of input data (41.9 MB) 25% is there, and nobody brings the rest yet',
  ],
  [
    'the line has no place',
    (site) => {
      site.tell(0, { held: first(40), room: 0 });
      bringAlone(site, [2, 3]);
    },
    ': of input data (41.9 MB) 25% is there, and the rest waits until one of the 2 transfers on its line has ended',
  ],
  [
    'another node has all',
    (site) => {
      site.tell(0, { room: 0 });
      site.tell(1, { isWhole: true });
    },
    ': input data (41.9 MB) is at the site, and comes from its nodes',
  ],
  ['it has all itself', (site) => site.tell(0, { isWhole: true }), ''],
  [
    'what it alone needs comes, too',
    (site) => {
      site.tell(0, { isWhole: true });
      const wanted = { leaseId: leaseId(1), direction: 'down', sizeBytes: 3e6 } as const;
      site.harness.speak('pi0', { transfersWanted: [wanted] });
    },
    ': what it alone needs comes over the line now',
  ],
])('%s', (_, step, words) => {
  const site = new ExchangingSite(2, chunks, 3);
  expect(site.harness.state.leases.get(leaseId(1))?.nodeNumber).toBe(0);
  step(site);
  expect(told(site)).toBe(words);
});

test('of a job of which nothing waits the first task that awaits its blobs is told', () => {
  const site = new ExchangingSite(2, chunks, 2);
  site.tell(0, { held: first(120), room: 0 });
  expect(site.harness.view.explain(jobId('job'), null)?.summary).toBe(
    'Nothing waits: of 2 tasks, 2 are on nodes and 0 have ended. Inputs of task 0 are on the way to pi0: of input data (41.9 MB) 75% is there, and nobody brings the rest yet.',
  );
  site.tell(0, { isWhole: true });
  expect(site.harness.view.explain(jobId('job'), null)?.summary).toBe(
    'Nothing waits: of 2 tasks, 2 are on nodes and 0 have ended.',
  );
});
