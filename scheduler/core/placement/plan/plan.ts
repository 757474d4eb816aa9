// The plan as the state keeps it: soft, never journalled. After a restart it is asked for again, and
// until then the balance rule places: nothing that was promised rests on it.

import type { Instant } from '../../model/ids.ts';
import type { LinearProgram, Solution } from './program.ts';

export type Binding = 'cpu' | 'down' | 'up';

/** What was asked, so that its answer can be read. */
export interface PlanRequest {
  readonly planId: number;
  readonly askedAt: Instant;
  /** By number of the site, for each task that is looked at; and numbers of jobs to their class. */
  readonly groupOf: Int32Array;
  readonly classOf: ReadonlyMap<number, number>;
  readonly groups: number;
  readonly classes: number;
  readonly program: LinearProgram;
  readonly outlook: Outlook;
  /** Leases granted since it was asked, by class and group; `apply` counts them. */
  readonly given: Float64Array;
}

/** What a plan rests on: when it has changed by much, another one is asked for. */
export interface Outlook {
  readonly workGhzSeconds: number;
  readonly bits: number;
  readonly cpuGhz: number;
  readonly linkBps: number;
}

export interface Plan extends PlanRequest {
  /** When all that waited will have ended, if all goes as planned. */
  readonly endsAt: Instant;
  /** Tasks, by class and group. */
  readonly shares: readonly number[];
  /** What is used up first, by group. */
  readonly bindings: readonly Binding[];
}

/** When the last tasks of jobs will have ended, by number of the job; null: too many wait. */
export type Tail = ReadonlyMap<number, Instant> | null;

export function planOf(request: PlanRequest, solution: Solution, endsAt: Instant): Plan {
  const { groups, classes } = request;
  const shares = solution.columns.slice(1, 1 + groups * classes);
  const bindings = Array.from({ length: groups }, (_, group) =>
    bindingOf(request, solution, group),
  );
  return { ...request, endsAt, shares, bindings };
}

/** The resource that a group's tasks, and what it has in hand, take longest. */
function bindingOf(
  { program, classes }: PlanRequest,
  { columns }: Solution,
  group: number,
): Binding {
  const first = classes + resources.length * group;
  let longest = -1;
  let binding: Binding = 'cpu';
  for (const [index, resource] of resources.entries()) {
    const seconds = secondsOfRow(program, first + index, columns);
    if (seconds <= longest + 1e-6) continue;
    longest = seconds;
    binding = resource;
  }
  return binding;
}

/** In the order of the program's rows. */
const resources: readonly Binding[] = ['cpu', 'down', 'up'];

function secondsOfRow(program: LinearProgram, row: number, columns: readonly number[]): number {
  const { starts, indices, values, upper } = program;
  let sum = -(upper[row] ?? 0);
  for (let at = starts[row] ?? 0; at < (starts[row + 1] ?? 0); at += 1) {
    const column = indices[at] ?? 0;
    // Column 0 is the time itself.
    if (column > 0) sum += (values[at] ?? 0) * (columns[column] ?? 0);
  }
  return sum;
}

/** Tasks; a solver's crumbs are less. */
export const leastShare = 1e-6;

/** Of sites that can be given nothing. */
export const noGroup = -1;

/** The class of jobs that no node of the federation fits. */
export const fitsNowhere = -1;

/** Where the tasks of a job at a site stand in `shares` and `given`; null: not in the plan. */
export function cellOf(plan: PlanRequest, jobNumber: number, siteNumber: number): number | null {
  const group = plan.groupOf[siteNumber] ?? noGroup;
  const kind = plan.classOf.get(jobNumber);
  if (group === noGroup || kind === undefined || kind === fitsNowhere) return null;
  return kind * plan.groups + group;
}
