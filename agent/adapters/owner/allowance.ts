// What the owner's limits and the machine allow now. Pure: limits and readings in, an allowance out.

import type { Allowance } from '../../core/index.ts';
import { hoursEnd, isInHours } from './hours.ts';
import type { Limits } from './limits.ts';

export interface Readings {
  readonly slots: number;
  /** What the node has for tasks. */
  readonly memoryBytes: number;
  readonly diskAvailableBytes: number;
  /** null: no sensor. */
  readonly temperatureC: number | null;
  /** Minutes since midnight, local time. */
  readonly minuteOfDay: number;
  /** Why the sandbox takes no task, or null. */
  readonly sandboxProblem: string | null;
  /** What is wrong with the limits file, or null. */
  readonly limitsProblem: string | null;
}

/** So far over the owner's temperature running tasks end; below it, none starts. */
export const endingOverC = 5;

/** The first thing that forbids new tasks, or all slots that the owner leaves. */
export function allow(limits: Limits, readings: Readings): Allowance {
  const refusal = refuse(limits, readings);
  const slots = Math.min(readings.slots, limits.slots ?? readings.slots);
  const memoryBytes = Math.min(readings.memoryBytes, limits.memoryBytes ?? readings.memoryBytes);
  return {
    slots: refusal === null ? slots : 0,
    memoryBytes,
    isAccepting: refusal === null,
    notAccepting: refusal,
    hoursEndMinute: hoursEnd(limits.hours, readings.minuteOfDay),
    isEndingTasks: refusal !== null && isEnding(limits, readings),
  };
}

/** A pause lets tasks end in their time, as does a mistake in the file; hours and heat do not. */
function isEnding(limits: Limits, { limitsProblem, temperatureC, minuteOfDay }: Readings): boolean {
  if (limitsProblem !== null) return false;
  if (temperatureC !== null && temperatureC > limits.temperatureC + endingOverC) return true;
  return !isInHours(limits.hours, minuteOfDay);
}

function refuse(limits: Limits, readings: Readings): Allowance['notAccepting'] {
  const { limitsProblem, sandboxProblem, temperatureC, diskAvailableBytes } = readings;
  if (limitsProblem !== null) return { code: 'limits', reason: limitsProblem };
  if (sandboxProblem !== null) return { code: 'sandbox', reason: sandboxProblem };
  if (!isInHours(limits.hours, readings.minuteOfDay)) {
    return { code: 'hours', reason: "it is outside its owner's hours" };
  }
  if (temperatureC !== null && temperatureC > limits.temperatureC) {
    const reason = `it has ${Math.round(temperatureC)} °C, over its owner's ${limits.temperatureC} °C`;
    return { code: 'temperature', reason };
  }
  if (limits.isPaused) return { code: 'paused', reason: 'its owner has paused it' };
  if (limits.slots === 0) return { code: 'slots', reason: 'its owner leaves it no slot' };
  if (diskAvailableBytes < limits.diskReserveBytes) {
    return { code: 'disk_reserve', reason: 'its disk is full up to the reserve' };
  }
  return null;
}
