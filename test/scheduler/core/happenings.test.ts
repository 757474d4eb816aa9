// What the log is told: nodes that come and go, what they lost, sites and tokens; no secrets, and one
// line for many nodes.

import { expect, test } from 'vitest';
import { instant, nodeId, siteId, tokenId } from '../../../scheduler/core/index.ts';
import type { Fact } from '../../../scheduler/core/index.ts';
import { namesListed } from '../../../scheduler/core/limits.ts';
import { CoreHarness, pi3 } from './harness.ts';

/** A core whose every fact is told. */
class ToldHarness extends CoreHarness {
  told: (readonly [event: string, fields: object])[] = [];

  override give(command: Parameters<CoreHarness['give']>[0]): ReturnType<CoreHarness['give']> {
    const decision = super.give(command);
    this.tell(decision.facts);
    return decision;
  }

  tell(facts: readonly Fact[]): void {
    for (const { event, fields } of this.view.happenings(facts)) this.told.push([event, fields]);
  }
}

function told(of: (core: ToldHarness) => void): readonly (readonly [string, object])[] {
  const core = new ToldHarness();
  core.setSite('home', 20e6, 4e6);
  core.node('pi', 'home', pi3);
  core.submit('job');
  core.told = [];
  of(core);
  return core.told;
}

const pi = { count: 1, nodes: ['pi pi'] };

test.each<readonly [string, (core: ToldHarness) => void, readonly (readonly [string, object])[]]>([
  [
    'a clone',
    (core) => core.speak('pi', { instanceId: 'second' }),
    [
      ['nodes quarantined: two agents spoke with one identity (punnet node NODE)', pi],
      ['tasks taken from quarantined nodes', { count: 4 }],
    ],
  ],
  [
    'a node that is silent for good',
    (core) => {
      for (let minutes = 0; minutes < 30; minutes += 1) core.wait(60_000);
    },
    [
      ['nodes lost: nothing was heard of them for long', pi],
      ['tasks taken from silent nodes', { count: 4 }],
    ],
  ],
  [
    'a revocation',
    (core) => core.give({ kind: 'revokeNode', nodeId: nodeId('pi') }),
    [
      ['nodes revoked', pi],
      ['tasks taken from revoked nodes', { count: 4 }],
    ],
  ],
  [
    'a drain and its end',
    (core) => {
      for (const isDraining of [true, false]) {
        core.give({ kind: 'drainNodes', of: { siteId: siteId('home') }, isDraining });
      }
    },
    [
      ['nodes draining', pi],
      ['nodes not draining any more', pi],
    ],
  ],
  [
    'rates',
    (core) => core.setSite('home', 1e6, 2e6),
    [['site set', { site: 'home', downBps: 1e6, upBps: 2e6, source: 'declared', share: 1 }]],
  ],
  [
    'a token',
    (core) => {
      core.researcher('bob');
      core.give({ kind: 'revokeToken', tokenId: tokenId('of bob') });
    },
    [
      ['token created', { token: 'of bob', role: 'researcher', name: 'bob' }],
      ['token revoked', { token: 'of bob', role: 'researcher', name: 'bob' }],
    ],
  ],
  [
    'a token that is forgotten as soon as it is revoked',
    (core) =>
      core.tell([{ kind: 'tokenRevoked', at: instant(core.nowMs), tokenId: tokenId('gone') }]),
    [['token revoked', { token: 'gone' }]],
  ],
  [
    'reports, tasks and homes that drop for a moment',
    (core) => {
      const [grant] = core.take('grant');
      if (grant !== undefined) core.end('pi', grant.leaseId, 'succeeded');
      for (let minutes = 0; minutes < 9; minutes += 1) core.wait(60_000);
      core.speak('pi');
    },
    [],
  ],
])('of %s', (_, happens, wanted) => {
  expect(told(happens)).toEqual(wanted);
});

test('a whole site takes one line, which names some of it', () => {
  const core = new ToldHarness();
  core.setSite('home', 20e6);
  const nodes = Array.from({ length: namesListed + 1 }, (_, at) => `pi${at}`);
  for (const name of nodes) core.node(name, 'home');
  core.told = [];
  core.tell(
    nodes.map((_, nodeNumber) => {
      const at = instant(core.nowMs);
      return { kind: 'nodeHealthChanged', at, nodeNumber, health: 'lost' };
    }),
  );
  const names = nodes.slice(0, namesListed).map((name) => `${name} ${name}`);
  const fields = { count: nodes.length, nodes: names };
  expect(core.told).toEqual([['nodes lost: nothing was heard of them for long', fields]]);
});
