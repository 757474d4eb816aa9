// How much memory a run may take, in a thread or a process of its own.

import { totalmem } from 'node:os';

/** Node.js stops at some 4 GB by itself: a release to 1,000 sites of 100 was run with 9. */
export const heapMb = Math.floor((0.75 * totalmem()) / 2 ** 20);

/**
 * Where new objects are. Most die young, and each collection copies those that have not died yet: of a run
 * with 450,000 tasks it took a seventh of the CPU with the 16 MB that Node.js gives, and 64 MB is hardly better than this.
 */
export const semiSpaceMb = 32;

/**
 * What outlived a collection or two as a run began, such as the first message of each node, V8 would put where
 * only a full collection frees it, for the whole run: a tenth of the CPU.
 */
export const v8Flag = '--no-allocation-site-pretenuring';

/** V8 has two such spaces, and counts a third for large objects. */
export const youngMb = 3 * semiSpaceMb;
