// The bounds of rollouts, each with its reason.

/** Of a ring's nodes so many may go back to the version before: one with a bad card stops nobody. */
export const failedShare = 0.05;
/** Of a ring's nodes that are heard so many must have activated the release, and worked: others are slow. */
export const presentShare = 0.9;
/** A ring is worse than the nodes without the release when its share is larger by so much: of fewer
 * nodes less would be chance. */
export const worseThanOthers = 0.2;
/** Nodes of a site went silent together when all did so within this: a switched-off node is missed after two reports. */
export const togetherMs = 15 * 60_000;
/** A silence of this length is no dropped line but a node that is off; after two of them on different days it is expected to be
 * off again. */
export const longSilenceMs = 3_600_000;
/** Who is off every night comes back a day later, and not to the hour; a power cut that comes and goes is one silence. */
export const otherDayMs = 18 * 3_600_000;
/** A version that is activated so long after the first of two such returns is activated by a node with a habit: who is off each weekend
 * has come back seven days before, and is so until the weekend after. */
export const habitMs = 15 * 24 * 3_600_000;
/** Nodes that are off over a weekend are waited for. After that those with a habit count as silent, and whole
 * sites, as of schools in summer, are for a person to decide. */
export const longestHoldMs = 4 * 24 * 3_600_000;
/** So many attempts must have ended before failures among them count. */
export const endsToJudge = 10;
/** Gates are looked at this often: each look goes through all nodes. */
export const gateLookMs = 5_000;
/** Of a ring so many nodes are asked to report at once, when something is to be told: the others hear it with
 * their next report, three minutes later at most. */
export const askedAtOnce = 200;
/** Releases of different names: each has a rollout that is kept. */
export const rollouts = 100;
/** A ring bakes for so long unless its operator says otherwise. */
export const defaultBakeMs = 3_600_000;
export const longestBakeMs = 14 * 24 * 3_600_000;
