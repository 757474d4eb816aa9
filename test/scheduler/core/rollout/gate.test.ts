// The gate behind a ring, as a table: work done lets it pass, complaints beside the others' stop it.

import { expect, test } from 'vitest';
import type { GateNode } from '../../../../scheduler/core/rollout/gate.ts';
import { judgeRing } from '../../../../scheduler/core/rollout/gate.ts';
import { instant } from '../../../../scheduler/core/index.ts';
import type { ReleaseSeen } from '../../../../scheduler/core/rollout/rollout.ts';

const version = '2';

function gateNode(seen: Partial<ReleaseSeen>, changes: Partial<GateNode> = {}): GateNode {
  const of = { name: 'agent', active: '', staged: '', failed: '', problem: '', isProven: false };
  const before = {
    activeSince: instant(0),
    awayBefore: instant(0),
    succeededBefore: 0,
    failedBefore: 0,
  };
  return {
    ...{ isHeard: true, isAway: false, isOverdue: false, succeeded: 0, failed: 0 },
    seen: { ...of, ...before, fetchedBytes: 0, sizeBytes: 0, ...seen },
    ...changes,
  };
}

const many = (count: number, node: GateNode): GateNode[] => new Array<GateNode>(count).fill(node);
const proven = gateNode({ active: '2', isProven: true });
const idle = gateNode({ active: '2' });
const worked = gateNode({ active: '2' }, { succeeded: 1 });
const old = gateNode({ active: '1', staged: '2' });
const back = gateNode({ active: '1', failed: '2', problem: 'two starts failed' });
const silent = gateNode({ active: '2', isProven: true }, { isHeard: false });
const away = { ...silent, isAway: true };
const longAway = { ...away, isOverdue: true };
const off = gateNode({ active: '1' }, { isHeard: false });
const unheard: GateNode = { ...old, seen: undefined };

test.each<readonly [string, readonly GateNode[], readonly GateNode[], string]>([
  ['no nodes', [], [], 'well'],
  ['all proven', many(3, proven), many(9, old), 'well'],
  ['all have done a task', many(3, worked), many(9, old), 'well'],
  ['active, and nothing done', [proven, idle], [], 'waits: 1 of 2 nodes have done work with it'],
  ['not active yet', [proven, old], [], 'waits: 1 of 2 nodes have activated it'],
  ['one that has told nothing', [proven, unheard], [], 'waits: 1 of 2 nodes have activated it'],
  ['nine of ten', [...many(9, proven), old], [], 'well'],
  ['those that are off do not count', [proven, off, off], [], 'well'],
  ['all are off', [off], [], 'waits: none of its nodes is heard'],
  [
    'one that went back',
    [proven, back],
    [],
    'failed: 1 of 2 nodes went back from it: two starts failed',
  ],
  ['one of twenty that went back', [...many(19, proven), back], [], 'well'],
  [
    'two of twenty',
    [...many(18, proven), back, back],
    [],
    'failed: 2 of 20 nodes went back from it: two starts failed',
  ],
  [
    'the only one falls silent',
    [silent],
    many(5, old),
    'failed: 1 of 1 nodes fell silent with it, 0 % of the others are',
  ],
  ['one of two falls silent', [silent, proven], many(5, old), 'well'],
  [
    'two of four fall silent',
    [silent, silent, proven, proven],
    many(5, old),
    'failed: 2 of 4 nodes fell silent with it, 0 % of the others are',
  ],
  [
    'the last ring, where no others are left: a fifth falls silent',
    [...many(7, proven), ...many(3, silent)],
    [],
    'failed: 3 of 10 nodes fell silent with it, 0 % of the others are',
  ],
  [
    'and where they are away, as before',
    [...many(7, proven), ...many(3, away)],
    [],
    'holds: 3 of 10 nodes are off with all of their site, or as they often are',
  ],
  ['a few that are away', [...many(8, proven), ...many(2, away)], [], 'well'],
  [
    'those that are away for too long are for a person to decide',
    [proven, ...many(4, longAway), ...many(5, away)],
    [],
    'holds: 9 of 10 nodes are off with all of their site, or as they often are, 4 of them for over 4 days: abort it, or revoke those that are gone',
  ],
  ['unless they are few', [...many(8, proven), ...many(2, longAway)], [], 'well'],
  [
    'beside many that are away one that is silent says as little as ever',
    [silent, ...many(9, away)],
    [],
    'holds: 9 of 10 nodes are off with all of their site, or as they often are',
  ],
  [
    'those that are away hide none that is not',
    [...many(3, proven), ...many(3, silent), ...many(4, away)],
    [],
    'failed: 3 of 10 nodes fell silent with it, 0 % of the others are',
  ],
  [
    'all are away',
    many(4, away),
    [],
    'holds: 4 of 4 nodes are off with all of their site, or as they often are',
  ],
  [
    'others that are away excuse nobody',
    [silent, silent, proven, proven],
    [{ ...off, isAway: true }, old],
    'failed: 2 of 4 nodes fell silent with it, 0 % of the others are',
  ],
  ['as the others do', [silent, silent, proven, proven], [off, old], 'well'],
  [
    'a storm: all others are off',
    many(4, silent),
    many(5, off),
    'waits: none of its nodes is heard',
  ],
])('%s', (_, ring, others, wanted) => {
  const verdict = judgeRing(version, ring, others);
  expect(verdict.kind === 'well' ? 'well' : `${verdict.kind}: ${verdict.why}`).toBe(wanted);
});

test.each<readonly [string, GateNode, readonly GateNode[], string]>([
  ['few tasks', gateNode({ active: '2' }, { succeeded: 1, failed: 8 }), [], 'well'],
  ['many that fail', gateNode({ active: '2' }, { succeeded: 5, failed: 5 }), [], 'failed'],
  [
    'as they do elsewhere',
    gateNode({ active: '2' }, { succeeded: 5, failed: 5 }),
    [{ ...old, succeeded: 50, failed: 50 }],
    'well',
  ],
  [
    'those of before do not count',
    gateNode({ active: '2', isProven: true, failedBefore: 90 }, { failed: 90 }),
    [],
    'well',
  ],
])('tasks: %s', (_, node, others, wanted) => {
  expect(judgeRing(version, [node], others).kind).toBe(wanted);
});
