// What the figures of one run are drawn from. Small whatever the run's size, and plain data, so that
// a process of the pool can send it.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import { siteUses } from '../site-uses.ts';
import type { Gantt } from './gantt.ts';
import { ganttOf } from './gantt.ts';
import { jobGroupsBy } from './job-groups.ts';
import type { ServiceTimes } from './service-times.ts';
import { serviceTimesOf } from './service-times.ts';
import { siteGroupsOf } from './site-groups.ts';
import type { GroupTimes } from './task-waits.ts';
import { groupTimesOf } from './task-waits.ts';
import type { UseOverTime } from './use-over-time.ts';
import { useOverTimeOf } from './use-over-time.ts';
import type { Cell } from './who-where.ts';
import { cellsOf } from './who-where.ts';

export interface Detail {
  readonly use: UseOverTime;
  /** By the kind of job. */
  readonly kinds: readonly GroupTimes[];
  /** None: there is but one. */
  readonly researchers: readonly GroupTimes[];
  readonly cells: readonly Cell[];
  readonly gantt: Gantt;
  /** None: the scenario has none. */
  readonly services: readonly ServiceTimes[];
}

export function detailOf(world: World, result: RunResult): Detail {
  const uses = siteUses(world, result);
  const sites = siteGroupsOf(uses);
  const kinds = jobGroupsBy(world, ({ kind }) => kind);
  const researchers = jobGroupsBy(world, ({ researcher }) => researcher);
  return {
    use: useOverTimeOf(world, result, { uses, sites }),
    kinds: groupTimesOf(world, result, kinds),
    researchers: researchers.names.length > 1 ? groupTimesOf(world, result, researchers) : [],
    cells: cellsOf(world, result, { sites, kinds }),
    gantt: ganttOf(world, result, kinds),
    services: serviceTimesOf(world, result),
  };
}
