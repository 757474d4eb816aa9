// The part of a JobSpec that makes it a service, and what does not go together with one.

import type { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import type { Service } from '../core/index.ts';
import type { Violation } from './errors.ts';
import type { Unit } from './quantities.ts';
import { parseQuantity, rate, speed, wrongQuantity } from './quantities.ts';

/** Each is looked at whenever the service is placed. */
const mostReplicas = 1_000;

/** A service as it was written; null: the job is none. */
export function checkService(spec: JobSpec): {
  readonly service: Service | null;
  readonly replicas: number;
  readonly violations: readonly Violation[];
} {
  const { service: wanted } = spec;
  if (wanted === undefined) return { service: null, replicas: 0, violations: [] };
  const { replicas, rates } = wanted;
  const violations: Violation[] = [...misfits(spec)];
  if (replicas < 1 || replicas > mostReplicas) {
    const description = `wanted 1 to ${mostReplicas}, found ${replicas}`;
    violations.push({ field: 'service.replicas', description });
  }
  const read = (name: 'cpu' | 'down' | 'up', unit: Unit): number | null => {
    const text = rates?.[name] ?? '';
    const value = text === '' ? null : parseQuantity(text, unit);
    const isRight = text === '' || (value !== null && value > 0);
    if (!isRight)
      violations.push({ field: `service.rates.${name}`, description: wrong(text, unit) });
    return value;
  };
  const service = {
    rates: {
      cpuGhz: read('cpu', speed),
      downBps: read('down', rate) ?? 0,
      upBps: read('up', rate) ?? 0,
    },
  };
  return { service, replicas, violations };
}

function wrong(text: string, unit: Unit): string {
  const isNothing = parseQuantity(text, unit) === 0;
  return isNothing
    ? `wanted more than nothing, found "${text}": leave it out`
    : wrongQuantity(text, unit);
}

/** Fields of jobs that end. */
function misfits(spec: JobSpec): readonly Violation[] {
  const hasProfile = spec.profile !== undefined && Object.values(spec.profile).join('') !== '';
  const given: readonly (readonly [string, boolean, string])[] = [
    ['tasks', spec.tasks !== undefined, 'a service has service.replicas instead of tasks'],
    ['keepOutputs', spec.keepOutputs === 'site', 'a replica brings no outputs that could be kept'],
    ['outputs', spec.outputs.length > 0, 'a replica never ends by itself, and brings no outputs'],
    ['profile', hasProfile, 'a service has service.rates instead of a profile'],
    ['timeout', spec.timeout !== '', 'a replica runs for as long as the service does'],
    ['retries', spec.retries !== undefined, 'a replica is placed again as often as it ends'],
    ['after', spec.after.length > 0, 'a service waits for no other job'],
    ['deadline', spec.deadline !== '', 'a service has no end that could be late'],
  ];
  return given
    .filter(([, isGiven]) => isGiven)
    .map(([field, , why]) => ({ field, description: `${why}: leave it out` }));
}
