// Nomad's way: nodes are looked at in a shuffled order until enough fit, and the fullest of these
// gets the task. Enough: the logarithm of the number of nodes, at least 2 (GenericStack.SetNodes in
// Nomad's scheduler/stack.go; for batch jobs Nomad itself takes 2, "the power of two choices": the
// parameter). Score: "BestFit v3" (ScoreFitBinPack in nomad/structs/funcs.go, which cites a talk on
// scheduling in Google's data centres): 20 - 10^(free part of CPU) - 10^(free part of memory), 0 to
// 18. Left out: its penalty for allocations of the same job on a node, which for jobs of thousands of
// tasks comes to nothing.

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { NodeUse, Option, Pick, Policy, RoundView } from '../policy.ts';
import { holdNothing } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';
import { sampled } from './sampled.ts';

/** @param candidates nodes that are compared; 0: as many as Nomad takes for a service. */
export function binPack(candidates: number): Policy {
  const wanted = (allNodes: number): number =>
    candidates > 0 ? candidates : Math.max(2, Math.ceil(Math.log2(allNodes)));
  return {
    name: 'bin-pack',
    choice: {
      asks: 'task',
      pick: (job, nodes, round) => fullest(sampled(job, nodes, round), wanted(nodes.size), round),
    },
    hold: holdNothing,
    nextTransfers: idleSlotsFirst,
  };
}

function fullest(options: Iterable<Option>, wanted: number, round: RoundView): Pick | null {
  let best: Option | null = null;
  let highest = -1;
  let found = 0;
  for (const option of options) {
    const score = bestFitScore(freeOf(option, round.used(option.node)));
    if (score > highest) {
      best = option;
      highest = score;
    }
    found += 1;
    if (found >= wanted) break;
  }
  return best === null ? null : { option: best, reason: reasonCodes.policy };
}

interface Free {
  readonly cpu: number;
  readonly memory: number;
}

/** Parts of the node that stay free with the task, 0 to 1. */
function freeOf({ job, node }: Option, used: NodeUse): Free {
  const memoryBytes = used.memoryBytes + job.template.memoryBytes;
  return {
    cpu: 1 - (used.leases + 1) / used.places,
    memory: Math.max(0, 1 - memoryBytes / node.inventory.memoryBytes),
  };
}

export function bestFitScore({ cpu, memory }: Free): number {
  return Math.min(18, Math.max(0, 20 - 10 ** cpu - 10 ** memory));
}
