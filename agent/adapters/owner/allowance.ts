// What the owner's limits and the machine allow now. Pure: limits and readings in, an allowance out.

import type { Allowance } from '../../core/index.ts';
import type { Limits } from './limits.ts';

export interface Readings {
  readonly slots: number;
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

/** The first thing that forbids new tasks, or all slots that the owner leaves. */
export function allow(limits: Limits, readings: Readings): Allowance {
  const refusal = refuse(limits, readings);
  if (refusal !== null) return { slots: 0, isAccepting: false, notAccepting: refusal };
  const slots = Math.min(readings.slots, limits.slots ?? readings.slots);
  return { slots, isAccepting: true, notAccepting: null };
}

function refuse(limits: Limits, readings: Readings): Allowance['notAccepting'] {
  const { limitsProblem, sandboxProblem, temperatureC, diskAvailableBytes } = readings;
  if (limitsProblem !== null) return { code: 'limits', reason: limitsProblem };
  if (sandboxProblem !== null) return { code: 'sandbox', reason: sandboxProblem };
  if (limits.isPaused) return { code: 'paused', reason: 'its owner has paused it' };
  if (limits.slots === 0) return { code: 'slots', reason: 'its owner leaves it no slot' };
  if (!isInHours(limits.hours, readings.minuteOfDay)) {
    return { code: 'hours', reason: "it is outside its owner's hours" };
  }
  if (temperatureC !== null && temperatureC > limits.temperatureC) {
    const reason = `it has ${Math.round(temperatureC)} °C, over its owner's ${limits.temperatureC} °C`;
    return { code: 'temperature', reason };
  }
  if (diskAvailableBytes < limits.diskReserveBytes) {
    return { code: 'disk_reserve', reason: 'its disk is full up to the reserve' };
  }
  return null;
}

function isInHours(hours: Limits['hours'], minute: number): boolean {
  if (hours.length === 0) return true;
  return hours.some(([from, to]) => {
    const start = minutes(from);
    const end = minutes(to);
    return start <= end ? minute >= start && minute < end : minute >= start || minute < end;
  });
}

function minutes(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return 60 * hour + minute;
}
