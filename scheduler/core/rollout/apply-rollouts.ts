// How facts about rollouts change the state, and how that is kept in a snapshot.

import type { Fact } from '../facts.ts';
import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { NodeRelease, ReleaseSeen, RolloutRecord } from './rollout.ts';
import { recordOf } from './rollout.ts';

type RolloutFact = Extract<
  Fact,
  {
    readonly kind:
      | 'rolloutStarted'
      | 'rolloutAdvanced'
      | 'rolloutChanged'
      | 'rolloutsHeld'
      | 'releasesHeard'
      | 'ringJudged'
      | 'rolloutsLookedAt';
  }
>;

export function applyRolloutFact(state: State, fact: RolloutFact): void {
  const { rollouts } = state;
  switch (fact.kind) {
    case 'rolloutStarted': {
      const fresh = { ring: 0, ringAt: fact.at, phase: 'running', reason: '' } as const;
      const record = recordOf({ ...fact.rollout, ...fresh });
      rollouts.byName.set(record.name, record);
      return;
    }
    case 'rolloutAdvanced':
      Object.assign(of(state, fact.name), { ring: fact.ring, ringAt: fact.at, wellSince: null });
      return;
    case 'rolloutChanged': {
      const { phase, reason } = fact;
      Object.assign(of(state, fact.name), { phase, reason, wellSince: null });
      return;
    }
    case 'rolloutsHeld':
      rollouts.isHeld = fact.isHeld;
      return;
    case 'releasesHeard':
      return hear(state, fact.nodeNumber, fact);
    case 'ringJudged':
      of(state, fact.name).wellSince = fact.wellSince;
      return;
    case 'rolloutsLookedAt':
      rollouts.lookedAt = fact.at;
      return;
  }
}

function of(state: State, name: string): RolloutRecord {
  return mustHave(state.rollouts.byName.get(name), 'rollout of', name);
}

function hear(
  state: State,
  nodeNumber: number,
  { releases, at }: { readonly releases: readonly NodeRelease[]; readonly at: Instant },
): void {
  const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  const last = state.rollouts.seen.get(nodeNumber);
  const told = releases.map((release): readonly [string, ReleaseSeen] => {
    const known = last?.get(release.name);
    const since =
      known?.active === release.active
        ? known
        : {
            activeSince: at,
            awayBefore: node.awayBeforeAt,
            succeededBefore: node.tasksSucceeded,
            failedBefore: node.tasksFailed,
          };
    const { activeSince, awayBefore, succeededBefore, failedBefore } = since;
    const before = { activeSince, awayBefore, succeededBefore, failedBefore };
    return [release.name, { ...release, ...before }];
  });
  state.rollouts.seen.set(nodeNumber, told.length === 0 ? noReleases : new Map(told));
}

/** Most nodes of a large federation have none: one for all of them. */
const noReleases: ReadonlyMap<string, ReleaseSeen> = new Map();

type SavedRollout = Omit<RolloutRecord, 'wellSince' | 'ringByNode'>;

/** What of it is durable. */
export interface SavedRollouts {
  readonly isHeld: boolean;
  readonly records: readonly SavedRollout[];
}

export function saveRollouts({ rollouts }: State): SavedRollouts {
  const records = [...rollouts.byName.values()].map(saveRollout);
  return { isHeld: rollouts.isHeld, records };
}

export function wakeRollouts(state: State, saved: SavedRollouts): void {
  state.rollouts.isHeld = saved.isHeld;
  for (const record of saved.records) {
    state.rollouts.byName.set(record.name, recordOf(record));
  }
}

function saveRollout(record: RolloutRecord): SavedRollout {
  const { name, version, startedAt, bakeMs, architectures, rings } = record;
  const { ring, ringAt, phase, reason } = record;
  return { name, version, startedAt, bakeMs, architectures, rings, ring, ringAt, phase, reason };
}
