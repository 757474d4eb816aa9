// What an operator declares of a site's uplink, and since when.

import { expect, test } from 'vitest';
import type { SetSite, UplinkRate } from '../../../../scheduler/core/index.ts';
import { imageOf, siteId, stateOf } from '../../../../scheduler/core/index.ts';
import { CoreHarness } from '../harness.ts';

function set(core: CoreHarness, changes: Partial<SetSite>) {
  const command = { kind: 'setSite', siteId: siteId('home') } as const;
  return core.give({ ...command, downBps: null, upBps: null, share: null, ...changes }).answer;
}

function uplink(core: CoreHarness): UplinkRate | undefined {
  return core.view.site(siteId('home'))?.uplink;
}

test.each([
  ['downBps', 'up'],
  ['upBps', 'down'],
] as const)('%s alone does not make a guess of the other declared', (given, missing) => {
  const core = new CoreHarness();
  core.token('home');
  const enrolled = core.enrol('pi', 'home').answer;
  const { siteId: home } = enrolled.kind === 'node' ? enrolled : { siteId: siteId('none') };
  const refusal = { kind: 'refused', code: 'failed_precondition', field: missing };
  expect(set(core, { siteId: home, [given]: 5e6 })).toMatchObject(refusal);
  expect(core.view.site(home)?.uplink).toMatchObject({ source: 'guessed' });
  expect(set(core, { siteId: home, share: 0.5 })).toEqual({ kind: 'done' });
  set(core, { downBps: 20e6, upBps: 4e6 });
  expect(set(core, { [given]: 5e6 })).toEqual({ kind: 'done' });
  expect(uplink(core)).toMatchObject({ source: 'declared', [given]: 5e6 });
});

test.each([{ downBps: 5e6 }, { upBps: 5e6 }, { share: 0.5 }, {}])(
  'a name that may be a slip makes no site: %o',
  (changes) => {
    const core = new CoreHarness();
    expect(set(core, changes)).toMatchObject({ kind: 'refused', code: 'not_found' });
    expect(core.view.sites()).toEqual([]);
  },
);

test('a share alone leaves the age of the rates, over a snapshot too', () => {
  const core = new CoreHarness();
  set(core, { downBps: 20e6, upBps: 4e6 });
  core.nowMs += 5_000;
  set(core, { share: 0.5 });
  expect(uplink(core)).toMatchObject({ source: 'declared', ageMs: 5_000 });
  core.state = stateOf(imageOf(core.state));
  core.nowMs += 1_000;
  expect(uplink(core)).toMatchObject({ ageMs: 6_000 });
  set(core, { downBps: 20e6 });
  expect(uplink(core)).toMatchObject({ ageMs: 0 });
});
