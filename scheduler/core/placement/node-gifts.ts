// What a round of placement has given to a node, before any of it is applied.

export interface NodeGifts {
  /** Jobs that it has a task of. */
  readonly jobs: Set<number>;
  leases: number;
  /** Of them, those of services. */
  serving: number;
  work: number;
  memoryBytes: number;
}

export function noGifts(): NodeGifts {
  return { jobs: new Set(), leases: 0, serving: 0, work: 0, memoryBytes: 0 };
}
