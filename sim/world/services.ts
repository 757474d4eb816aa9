// The services of a world, as its scenario has them: nothing of them is drawn. Their numbers go on
// where those of the jobs end, so that an attempt is of a job or of a service by its number alone.

import { defaultLostAfterMs } from '../../scheduler/core/index.ts';
import type { Service } from '../../scheduler/core/index.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { WorldJob } from './draw-jobs.ts';
import { allPis, defaultMemoryBytes } from './draw-jobs.ts';
import type { World } from './draw-world.ts';

/** What attempts of jobs and replicas have in common. */
export type Program = Pick<
  WorldJob,
  | 'name'
  | 'researcher'
  | 'inputBytes'
  | 'outputBytes'
  | 'bundleBytes'
  | 'memoryBytes'
  | 'home'
  | 'architectures'
>;

export interface WorldService extends Program {
  readonly replicas: number;
  /** Of one replica; a CPU rate of null is all of its slot. */
  readonly rates: Service['rates'];
  readonly fromMs: number;
  /** When it is stopped; Infinity: it runs until the end. */
  readonly untilMs: number;
  /** So long a silent node is waited for. */
  readonly lostAfterMs: number;
}

export function servicesOf({ services = [] }: Scenario): readonly WorldService[] {
  return services.map(({ name, researcher, replicas, rates, bundle, memory, ...times }) => ({
    ...{ name, researcher, replicas, inputBytes: 0, outputBytes: 0, home: null },
    architectures: allPis,
    rates: { cpuGhz: rates.cpu ?? null, downBps: rates.down ?? 0, upBps: rates.up ?? 0 },
    bundleBytes: bundle ?? 0,
    memoryBytes: memory ?? defaultMemoryBytes,
    fromMs: times.from ?? 0,
    untilMs: times.until ?? Infinity,
    lostAfterMs: times.lostAfter ?? defaultLostAfterMs,
  }));
}

/** The service with this number; undefined: it is a job's, or nobody's. */
export function serviceOf({ jobs, services }: World, number: number): WorldService | undefined {
  return services[number - jobs.length];
}

export function programOf(world: World, number: number): WorldJob | WorldService {
  const program = world.jobs[number] ?? serviceOf(world, number);
  if (program === undefined) throw new Error(`there is no job or service ${number}`);
  return program;
}
