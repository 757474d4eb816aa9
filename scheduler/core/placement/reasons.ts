// Why a task is where it is: a small code in the journal, a sentence for people.

export const reasonCodes = {
  none: 0,
  balance: 1,
  onlyKind: 2,
  backup: 3,
  policy: 4,
  spread: 5,
} as const;
export type ReasonCode = (typeof reasonCodes)[keyof typeof reasonCodes];

/** The sentence of a journalled reason; empty without one. */
export function reasonText(code: number, cpuSeconds: number, linkSeconds: number): string {
  const backlogs = `with it the site has ${seconds(cpuSeconds)} of work for its CPUs and ${seconds(linkSeconds)} of bytes for its uplink`;
  if (code === reasonCodes.balance)
    return `of the jobs that waited, its tasks even the site's backlogs best: ${backlogs}`;
  if (code === reasonCodes.onlyKind) return `only this job waited and fitted: ${backlogs}`;
  if (code === reasonCodes.policy) return `the policy of this scheduler chose it: ${backlogs}`;
  if (code === reasonCodes.spread)
    return `of the nodes that fit, its site had the fewest replicas of the service (${cpuSeconds}), and there it had the fewest (${linkSeconds})`;
  if (code === reasonCodes.backup)
    return 'it was the backup of an attempt that would have taken longer, or that came to nothing';
  return '';
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}
