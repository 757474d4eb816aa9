// What properties of the protocol draw: faults of the bus, and deaths of processes and disks.

import fc from 'fast-check';
import { propertyRuns } from '../property-runs.ts';

/** `npm run fuzz` asks for many more. */
export const numRuns = propertyRuns(24);

export const fault = fc.record({
  isLost: fc.boolean(),
  copies: fc.integer({ min: 1, max: 3 }),
  delayMs: fc.integer({ min: 0, max: 20_000 }),
});
const atMs = fc.integer({ min: 0, max: 120_000 });
export const crash = fc.oneof(
  fc.record({ kind: fc.constant('scheduler' as const), atMs }),
  fc.record({
    kind: fc.constant('node' as const),
    node: fc.integer({ min: 0, max: 2 }),
    atMs,
    // From a restart to a home that was offline for longer than the scheduler waits.
    awayMs: fc.oneof(fc.integer({ min: 0, max: 60_000 }), fc.constant(40 * 60_000)),
  }),
  fc.record({
    kind: fc.constant('append' as const),
    batch: fc.integer({ min: 9, max: 80 }),
    fate: fc.constantFrom('failed' as const, 'lost' as const, 'unanswered' as const),
  }),
);
/** Later, messages arrive, and only those that were away are to come back. */
export const faultsUntilMs = 120_000;
