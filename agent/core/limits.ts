// Every bound of the agent's core, each with its reason.

/** Tasks that stand still go back after so long: a board has cooled down by then, and no job waits for an
 * owner who has forgotten his pause. */
export const frozenAtMostMs = 600_000;
/** Leases in all phases: a Pi has four slots, each with one task staged, and results that wait. */
export const maxAttempts = 256;
/** Bytes that move without a grant: they are as small as the asking. */
export const freeTransferBytes = 16 * 1024;
/** A want or a result is said again after so long, twice as long each time. */
export const firstRetryMs = 5_000;
export const longestWantRetryMs = 60_000;
export const longestEndRetryMs = 300_000;
/** A result that nobody acknowledges is dropped; so long may a home be offline. */
export const resultKeptMs = 30 * 24 * 3_600_000;
/** Tries to fetch the inputs of one lease before it is given back. */
export const maxFetchTries = 8;
/** Lease ids remembered after they were acknowledged, so that a late grant is not run again. */
export const forgottenKept = 4_096;
/** Whoever gives a task so much means a replica of a service, that runs until it is stopped. */
export const noTimeoutMs = 2 ** 31 - 1;
/** A start waits so long for something else to say: one message costs a thin line and the scheduler as
 * much as another, and short tasks have an end to tell by then. */
export const startToldWithinMs = 1_000;
export const idleReportMs = 180_000;
export const busyReportMs = 30_000;
