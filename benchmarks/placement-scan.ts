// The baseline of placement: best fit by a look at all nodes, over columns. A re-implementation for
// measuring; it decides like the others, and changes nothing.

import { bestBundle } from '../scheduler/core/index.ts';
import type { State } from '../scheduler/core/index.ts';
import { architectures } from '../scheduler/core/model/architecture.ts';
import { diskOf } from '../scheduler/core/placement/open/kind.ts';
import type { JobRecord } from '../scheduler/core/state.ts';

export class FullScan {
  readonly #architecture: Uint8Array;
  readonly #memory: Float64Array;
  readonly #disk: Float64Array;
  readonly #free: Int8Array;

  /** @param free slots of each node, which others may change. */
  constructor({ nodes }: State, free: Int8Array) {
    this.#architecture = Uint8Array.from(nodes, ({ inventory }) =>
      architectures.indexOf(inventory.architecture),
    );
    this.#memory = Float64Array.from(nodes, ({ inventory }) => inventory.memoryBytes);
    this.#disk = Float64Array.from(nodes, diskOf);
    this.#free = free;
  }

  /** The number of the node that fits with the least memory; -1: none fits. */
  place({ template }: JobRecord): number {
    const { memoryBytes, diskBytes, bundles } = template;
    const runs = architectures.map((each) => bestBundle(each, bundles) !== undefined);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let node = 0; node < this.#free.length; node += 1) {
      const memory = this.#memory[node] ?? 0;
      if ((this.#free[node] ?? 0) <= 0 || memory < memoryBytes || memory >= least) continue;
      if ((this.#disk[node] ?? 0) < diskBytes || runs[this.#architecture[node] ?? 0] !== true)
        continue;
      best = node;
      least = memory;
    }
    return best;
  }
}
