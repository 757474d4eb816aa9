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
  /** It was too hot at the last look. */
  readonly wasHot: boolean;
  readonly power: 'enough' | 'low' | 'resting';
  /** That this node has used of the line this month. */
  readonly monthBytes: number;
  /** What this node may have of the household's in a month. */
  readonly monthlyBytes: number;
  /** Minutes since midnight, local time. */
  readonly minuteOfDay: number;
  /** Why the sandbox takes no task, or null. */
  readonly sandboxProblem: string | null;
  /** What is wrong with the limits file, or null. */
  readonly limitsProblem: string | null;
}

/** So far over the owner's temperature running tasks end; below it, none starts. */
export const endingOverC = 5;

/** Tasks go on when it is so much cooler: else it would say every few seconds that it may, and may not. */
const coolerByC = 5;

/** Of a month's bytes, left to reports and to the results of what runs: no task starts any more. */
const keptPart = 0.05;

/** Whether blobs may still move: what is left of the month is the agent's own. */
export function mayTransfer({
  monthBytes,
  monthlyBytes,
}: Pick<Readings, 'monthBytes' | 'monthlyBytes'>): boolean {
  return monthBytes < monthlyBytes;
}

/** Whether more is left of the month than what is kept for reports and results. */
export function hasMoreThanKept({
  monthBytes,
  monthlyBytes,
}: Pick<Readings, 'monthBytes' | 'monthlyBytes'>): boolean {
  return monthBytes < (1 - keptPart) * monthlyBytes;
}

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
    isEndingTasks: isEnding(limits, readings),
    isFreezing: !isEnding(limits, readings) && (limits.isPaused || isHot(limits, readings)),
    refuses: limits.refuses,
    allowsInternet: limits.allowsInternet,
    monthCapBytes: limits.monthlyBytes,
  };
}

function isHot({ temperatureC: most }: Limits, { temperatureC, wasHot }: Readings): boolean {
  return temperatureC !== null && temperatureC > (wasHot ? most - coolerByC : most);
}

/** What needs an end at once. A pause and heat let tasks stand still; a mistake in the file lets them run. */
function isEnding(limits: Limits, readings: Readings): boolean {
  const { limitsProblem, temperatureC, minuteOfDay, power } = readings;
  if (limitsProblem !== null) return false;
  if (power === 'low') return true;
  if (temperatureC !== null && temperatureC > limits.temperatureC + endingOverC) return true;
  return !isInHours(limits.hours, minuteOfDay);
}

function heatText({ temperatureC: most }: Limits, { temperatureC }: Readings): string {
  const now = Math.round(temperatureC ?? 0);
  return (temperatureC ?? 0) > most
    ? `it has ${now} °C, over its owner's ${most} °C`
    : `it had over its owner's ${most} °C, and cools down to ${most - coolerByC} °C (now ${now} °C)`;
}

function refuse(limits: Limits, readings: Readings): Allowance['notAccepting'] {
  const { limitsProblem, sandboxProblem, diskAvailableBytes } = readings;
  if (limitsProblem !== null) return { code: 'limits', reason: limitsProblem };
  if (sandboxProblem !== null) return { code: 'sandbox', reason: sandboxProblem };
  if (!isInHours(limits.hours, readings.minuteOfDay)) {
    return { code: 'hours', reason: "it is outside its owner's hours" };
  }
  if (isHot(limits, readings)) return { code: 'temperature', reason: heatText(limits, readings) };
  if (readings.power !== 'enough') {
    const reason = 'its board gets too little power: a better power supply or cable would help';
    return { code: 'power', reason };
  }
  if (!hasMoreThanKept(readings)) {
    const reason = `the ${(readings.monthlyBytes / 1e9).toFixed(1)} GB that it may use in a month are used up`;
    return { code: 'month', reason };
  }
  if (limits.isPaused) return { code: 'paused', reason: 'its owner has paused it' };
  if (limits.slots === 0) return { code: 'slots', reason: 'its owner leaves it no slot' };
  if (diskAvailableBytes < limits.diskReserveBytes) {
    return { code: 'disk_reserve', reason: 'its disk is full up to the reserve' };
  }
  return null;
}
