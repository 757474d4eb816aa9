// Why a task is where it is: a small code in the journal, a sentence for people.

export const reasonCodes = {
  none: 0,
  balance: 1,
  onlyKind: 2,
  backup: 3,
  policy: 4,
  spread: 5,
  planCpu: 6,
  planDown: 7,
  planUp: 8,
  soonest: 9,
} as const;
export type ReasonCode = (typeof reasonCodes)[keyof typeof reasonCodes];

/**
 * The sentence of a journalled reason; empty without one. The two figures are the seconds of the
 * site's backlogs (of what ends soonest: until its end, and until its bytes are there), or for a plan's reason the ratio of the site (bit/s for each GHz) and the
 * intensity of the task (bits for each GHz·s).
 */
export function reasonText(code: number, first: number, second: number): string {
  const bound = planBindings.get(code);
  if (bound !== undefined) return planText(bound, first, second);
  return backlogText(code, first, second);
}

const planBindings: ReadonlyMap<number, string> = new Map([
  [reasonCodes.planCpu, 'CPU'],
  [reasonCodes.planDown, 'the uplink down'],
  [reasonCodes.planUp, 'the uplink up'],
]);

function planText(binding: string, ratio: number, intensity: number): string {
  const way = binding === 'the uplink up' ? 'up' : 'down';
  return `of the jobs that waited, it was furthest behind its share in the plan for sites like this one, where ${binding} is scarcest: the site has ${gbps(ratio)} ${way} for each GHz, the task needs ${gbps(intensity)}`;
}

/** As people compare ratios: Gbit/s for each GHz. */
function gbps(bps: number): string {
  return `${Number((bps / 1e9).toPrecision(2))} Gbit/s`;
}

function backlogText(code: number, cpuSeconds: number, linkSeconds: number): string {
  const backlogs = `with it the site has ${seconds(cpuSeconds)} of work for its CPUs and ${seconds(linkSeconds)} of bytes for its uplink`;
  if (code === reasonCodes.balance)
    return `of the jobs that waited, its tasks even the site's backlogs best: ${backlogs}`;
  if (code === reasonCodes.onlyKind) return `only this job waited and fitted: ${backlogs}`;
  if (code === reasonCodes.policy) return `the policy of this scheduler chose it: ${backlogs}`;
  if (code === reasonCodes.spread)
    return `of the nodes that fit, its site had the fewest replicas of the service (${cpuSeconds}), and there it had the fewest (${linkSeconds})`;
  if (code === reasonCodes.soonest)
    return `few tasks waited beside many idle slots, and there it ends soonest: in ${seconds(cpuSeconds)}, its bytes fetched in ${seconds(linkSeconds)}`;
  if (code === reasonCodes.backup)
    return 'it was the backup of an attempt that would have taken longer, or that came to nothing';
  return '';
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}
