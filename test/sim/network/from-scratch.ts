// Max-min fair rates by progressive filling, as the textbooks have it (Bertsekas and Gallager, Data
// Networks, 6.5.2): all rates rise together; a link that is full stops those of its flows. Knows
// nothing of what was before, and shares no code with the network.

/** Returns the rate of each flow, whose path names links by their place among the capacities. */
export function ratesFromScratch(
  capacities: readonly number[],
  paths: readonly (readonly number[])[],
): readonly number[] {
  const left = [...capacities];
  const open: number[] = capacities.map(() => 0);
  const flowsOf: number[][] = capacities.map(() => []);
  for (const [flow, path] of paths.entries()) {
    for (const link of path) {
      open[link] = at(open, link) + 1;
      flowsOf[link]?.push(flow);
    }
  }
  const rates = paths.map(() => -1);
  for (;;) {
    let share = Infinity;
    let full = -1;
    for (const link of capacities.keys()) {
      const own = at(left, link) / at(open, link);
      if (at(open, link) > 0 && own < share) [share, full] = [own, link];
    }
    if (full < 0) return rates;
    for (const flow of flowsOf[full] ?? []) {
      if (at(rates, flow) >= 0) continue;
      rates[flow] = share;
      for (const link of paths[flow] ?? []) {
        left[link] = Math.max(0, at(left, link) - share);
        open[link] = at(open, link) - 1;
      }
    }
  }
}

function at(numbers: readonly number[], place: number): number {
  return numbers[place] ?? Number.NaN;
}
