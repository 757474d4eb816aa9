// kube-scheduler's default: the next pod in the queue goes to the node with the highest score among
// a sample of those that fit. Sample: numFeasibleNodesToFind of pkg/scheduler/schedule_one.go, with
// percentageOfNodesToScore at its default of 0, adaptive. Score: NodeResourcesFit with
// LeastAllocated and NodeResourcesBalancedAllocation, of weight 1 each (pkg/scheduler/framework/
// plugins/noderesources), over CPU and memory. The other default plugins give the same score to every
// node here: no taints, affinities or spread constraints; ImageLocality counts from 23 MB times the
// part of the nodes that have the image. The search starts at a drawn place, where kube-scheduler goes
// on from where the last one ended; ties go to the first, where it draws one.

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { JobRecord } from '../../state.ts';
import type { NodeUse, Nodes, Option, Pick, Policy, RoundView } from '../policy.ts';
import { holdNothing } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';
import { sampled } from './sampled.ts';

const minFeasibleNodesToFind = 100;
const minFeasibleNodesPercentageToFind = 5;

export const leastAllocated: Policy = {
  name: 'least-allocated',
  choice: { asks: 'task', pick: highestScore },
  hold: holdNothing,
  nextTransfers: idleSlotsFirst,
};

function highestScore(job: JobRecord, nodes: Nodes, round: RoundView): Pick | null {
  const wanted = feasibleNodesToFind(round.state.nodes.length);
  let best: Option | null = null;
  let highest = -1;
  let found = 0;
  for (const option of sampled(job, nodes, round)) {
    found += 1;
    const score = scoreOf(option, round.used(option.node));
    if (score > highest) {
      best = option;
      highest = score;
    }
    if (found >= wanted) break;
  }
  return best === null ? null : { option: best, reason: reasonCodes.policy };
}

/** How many nodes that fit are enough, of a cluster of so many. */
export function feasibleNodesToFind(allNodes: number): number {
  if (allNodes < minFeasibleNodesToFind) return allNodes;
  const adaptive = 50 - Math.floor(allNodes / 125);
  const percentage = Math.max(minFeasibleNodesPercentageToFind, adaptive);
  return Math.max(minFeasibleNodesToFind, Math.floor((allNodes * percentage) / 100));
}

/** 0 to 200, with the task on the node. */
function scoreOf({ job, node }: Option, used: NodeUse): number {
  const cpu = (used.leases + 1) / used.places;
  const memory = (used.memoryBytes + job.template.memoryBytes) / node.inventory.memoryBytes;
  return leastAllocatedScore(cpu, memory) + balancedAllocationScore(cpu, memory);
}

/** Parts of the node that are asked for, 0 to 1; more than all of it scores as nothing left. */
export function leastAllocatedScore(cpu: number, memory: number): number {
  const left = (part: number): number => Math.floor(100 * Math.max(0, 1 - part));
  return Math.floor((left(cpu) + left(memory)) / 2);
}

/** The standard deviation of two parts is half of what lies between them. */
export function balancedAllocationScore(cpu: number, memory: number): number {
  const deviation = Math.abs(Math.min(1, cpu) - Math.min(1, memory)) / 2;
  return Math.floor(100 * (1 - deviation));
}
