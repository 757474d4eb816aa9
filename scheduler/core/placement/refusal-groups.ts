// One sentence for many nodes that refuse a task for the same reason.

import type { JobRecord, NodeRecord } from '../state.ts';
import type { Refusal } from './filter.ts';
import { sizeText } from './filter.ts';
import { minutesText } from './hours-left.ts';
import { diskOf } from './open/kind.ts';

/** The refusal of a group of nodes, with what matters of all of them. */
export function tellGroup(
  first: Refusal,
  nodes: readonly NodeRecord[],
  { job, now }: { readonly job: JobRecord; readonly now: number },
): Refusal {
  const { template } = job;
  const most = (of: (node: NodeRecord) => number): number => Math.max(...nodes.map(of));
  switch (first.code) {
    case 'architecture': {
      const found = [...new Set(nodes.map((node) => node.inventory.architecture))].sort();
      const has = template.bundles.map((bundle) => bundle.architecture).join(', ');
      return {
        ...first,
        reason: `the job has a bundle for ${has} only, and they are ${found.join(', ')}`,
        remedy: `add a bundle for ${found.join(' or ')}`,
      };
    }
    case 'memory': {
      const largest = sizeText(most((node) => node.inventory.memoryBytes));
      const asked = sizeText(template.memoryBytes);
      const reason = `a task asks for ${asked} of memory, the largest has ${largest}`;
      return { ...first, reason, remedy: `ask for ${largest} or less, or wait for larger nodes` };
    }
    case 'disk': {
      const freest = sizeText(most(diskOf));
      const asked = sizeText(template.diskBytes);
      const reason = `a task asks for ${asked} of disk, at most ${freest} are free`;
      return { ...first, reason, remedy: `ask for ${freest} or less, or wait for free space` };
    }
    case 'resting': {
      const endsAt = Math.min(...nodes.map((node) => node.restsUntil));
      const left = Math.max(1, Math.ceil((endsAt - now) / 1_000));
      return { ...first, reason: `${first.reason} (the first one for another ${left} s)` };
    }
    case 'hours_left': {
      const longest = Math.max(...nodes.map((node) => (node.closesAt ?? now) - now));
      const what =
        nodes.length === 1
          ? first.reason
          : `${first.reason} (the longest in ${minutesText(longest)})`;
      return { ...first, reason: what };
    }
    default:
      return first;
  }
}
