// A sample of the nodes that fit a task, for policies that look at some of them: in a scrambled order,
// since the index has nodes of one kind side by side.

import type { JobRecord } from '../../state.ts';
import type { Nodes, Option, RoundView } from '../policy.ts';

/** Those that fit, of all nodes: steps of a length that shares no divisor with their number come to
 * each node once. */
export function* sampled(job: JobRecord, nodes: Nodes, round: RoundView): Generator<Option> {
  const { size } = nodes;
  let place = Math.floor(round.draw() * size);
  let stride = 1 + Math.floor(round.draw() * size);
  while (divisor(stride, size) > 1) stride += 1;
  for (let step = 0; step < size; step += 1) {
    const option = round.option(job, nodes.at(place));
    if (option !== null) yield option;
    place = (place + stride) % size;
  }
}

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other);
}
