// Why a task is where it is: a small code in the journal, a sentence for people.

export const reasonCodes = { none: 0, balance: 1, onlyKind: 2 } as const;

/** The sentence of a journalled reason; empty without one. */
export function reasonText(code: number, cpuSeconds: number, linkSeconds: number): string {
  const hands = `with it the site's CPUs have ${seconds(cpuSeconds)} of work in hand, its uplink ${seconds(linkSeconds)}`;
  if (code === reasonCodes.balance) return `balance: of the kinds that fit it evens best; ${hands}`;
  if (code === reasonCodes.onlyKind) return `only kind that fits here; ${hands}`;
  return '';
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}
