// Who had what of the federation, and whose turn it is: for people, and for explanations.

import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import type { ShareSummary } from '../view.ts';
import { shareOf, usageAt } from './share.ts';

/** All researchers, the one whose turn is next first. */
export function shares(state: State, now: Instant): readonly ShareSummary[] {
  const { capacity } = state;
  const list = [...state.researchers.values()].map((researcher): ShareSummary => {
    const { name, settings, leased, leases, waitingTasks } = researcher;
    const usage = usageAt(researcher.usage, now, { workGhzSeconds: 0, bits: 0 });
    const claimed = { claim: leased, capacity, weight: settings.weight };
    const { cpu, link, dominant } = shareOf(usage, claimed);
    const binding = link > cpu ? 'uplink' : 'cpu';
    const { workGhzSeconds, bits } = usage;
    return {
      name,
      settings,
      workGhzSeconds,
      bits,
      cpu,
      link,
      dominant,
      binding,
      leases,
      waitingTasks,
    };
  });
  return list.sort((a, b) => a.dominant - b.dominant || (a.name < b.name ? -1 : 1));
}
