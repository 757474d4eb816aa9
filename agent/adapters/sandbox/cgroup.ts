// The group of one attempt, whichever version of cgroups holds it.

import type { AttemptSpec, Backend } from './attempt-spec.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { CgroupV2 } from './cgroup-v2.ts';

export type CgroupLimits = Pick<AttemptSpec, 'memoryBytes' | 'maxProcesses'>;

export interface Cgroup {
  /** Makes it and sets its limits; throws what the kernel refused. */
  create(limits: CgroupLimits): void;
  /** Sets them again: what was delegated may have been taken back and given anew. */
  limit(limits: CgroupLimits): void;
  /** Holds all in it to so much of one core (100: no ceiling); false: it can't. */
  holdCpu(percent: number): boolean;
  /** Lets nothing in it run, or all again; false: it can't. */
  freeze(isFrozen: boolean): boolean;
  /** Files into which a process writes its pid to enter. */
  entryFiles(): readonly string[];
  /** Processes that the kernel ended here because memory ran out. */
  oomKills(): number;
  /** Times that a fork was refused. */
  refusedForks(): number;
  /** CPU time of all that ran here, in milliseconds; null when it can't be read. */
  cpuMs(): number | null;
  /** SIGKILL to every process inside; true when none is left. */
  kill(): boolean;
  /** True when it is gone. Processes must have ended before. */
  remove(): boolean;
}

/** The group of this name; null for back ends without. It may not have been made yet. */
export function cgroupOf(backend: Backend, name: string): Cgroup | null {
  switch (backend) {
    case 'cgroup-v1':
      return new CgroupV1(name);
    case 'cgroup-v2':
    case 'cgroup-v2-rlimit':
      return new CgroupV2(name);
    case 'rlimit':
    case 'bare':
      return null;
  }
}
