// What the file of a scenario says that brings a release: sites to draw, and how many of them.

import { z } from 'zod';
import { bytes, rate, span } from '../../scheduler/api/quantities.ts';
import { moreThanNothing, percentage, quantityOf, rangeOfMore } from './quantities.ts';

/** As many as one line may have (scheduler/core/distribution/limits.ts). */
const mostNodes = 1_000;
const mostSites = 10_000;

/** Parts of all nodes, each drawn for itself; the rest is as it should be. */
const faults = z
  .strictObject({
    /** Their ports have the rate `slowLan`. */
    slow: percentage.optional(),
    /** They are switched off at a drawn time before the bound, for good. */
    dying: percentage.optional(),
    /** Each chunk that they give has wrong bytes. */
    flipping: percentage.optional(),
    /** They say that they have all, to peers and scheduler, and give nothing. */
    claiming: percentage.optional(),
  })
  .refine(
    ({ slow = 0, dying = 0, flipping = 0, claiming = 0 }) => slow + dying + flipping + claiming < 1,
    { error: 'wanted less than 100 % of nodes with faults together' },
  );

const releaseCase = z.strictObject({
  sites: z.int().min(1).max(mostSites),
  faults: faults.optional(),
});

export const releaseSchema = z.strictObject({
  about: z.string().min(1),
  release: z.strictObject({
    size: moreThanNothing(bytes),
    /** Of each site. */
    nodes: z.int().min(1).max(mostNodes),
    /** Of each site's uplink, what the release may use. */
    down: rangeOfMore(rate),
    /** Of each node's port, both ways. */
    lan: moreThanNothing(rate),
    slowLan: moreThanNothing(rate),
    /** From asking for a chunk to its first byte. */
    request: quantityOf(span),
    /** What the origin sends, to all sites together. */
    origin: moreThanNothing(rate),
    cases: z.array(releaseCase).min(1),
  }),
});

export type ReleaseOf = z.infer<typeof releaseSchema>['release'];
export type FaultyParts = z.infer<typeof faults>;

export interface ReleaseScenario extends z.infer<typeof releaseSchema> {
  readonly name: string;
}
