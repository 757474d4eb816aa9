// Every bound of the exchange of blobs, each with its reason.

/** More neighbours spread a blob no faster (see the design's simulation), and cost bitmaps. */
export const maxNeighbours = 8;
/** Chunks on their way from peers; a board with one small core hashes no faster than one comes. */
export const maxIn = 2;
export const maxInOnSmallBoard = 1;
/** A new chunk is told to neighbours that lack it after so long for each chunk that here or there is missing yet, within these: a
 * board with a small core has little to hear while much is to come, and the last ones are told at once. */
export const newsForEachMs = 20;
export const soonestNewsMs = 100;
export const latestNewsMs = 1_000;
/** A neighbour that tells nothing is asked after so long, then twice as seldom each time: its news may be lost. */
export const firstSwapMs = 2_000;
export const longestSwapMs = 30_000;
/** A chunk of 1 MiB at 0.5 Mbit/s: who is slower holds up others. */
const chunkWithinMs = 16_000;
/** Smaller ones at that rate, but within no less than this. */
const leastBytesPerMs = 64;
const soonestGivenUpMs = 4_000;
/** A package is one chunk of any size. Of the 2 Mbit/s that an owner leaves of the LAN at least, two at a time have half each. */
const bytesPerMs = 125;

/** How long a chunk of so many bytes may take from a peer. */
export function withinMs(lengthBytes: number): number {
  const atLeastMs = Math.min(lengthBytes / leastBytesPerMs, chunkWithinMs);
  return Math.max(soonestGivenUpMs, atLeastMs, lengthBytes / bytesPerMs);
}
/** A peer that did not answer rests, twice as long each time. */
export const firstRestMs = 1_000;
export const longestRestMs = 60_000;
/** A chunk that a peer did not give is asked of it again after so long; others may have it meanwhile. */
export const deniedMs = 60_000;
/** Failures one after another, after which what a peer says that it has is not counted on. */
export const maxFailures = 2;
/** After so many peers had a chunk wrong, the origin's is taken. */
export const maxBadPeers = 3;
/** Chunks that are asked for at a time: a few seconds of a thin line. */
export const batchChunks = 16;
/** An answer of the scheduler is waited for so long; parts may be lost. */
export const partAgainMs = 15_000;
/** Who brings chunks says how far it is each time that so much of its lease's span has passed: the scheduler gives a node's up that is silent for
 * more than twice that. */
export const provedPart = 1 / 8;
/** Who has no index of an update yet says that it is there, first after so long, then twice as seldom each time: the scheduler waits for it. */
export const openingSaidMs = 3_000;
/** Whoever only waits for its turn says so twice as seldom each time: at a thin line all others do, for as long as it takes. */
export const longestPartAgainMs = 120_000;
/** Nothing came for so long: chunks that no peer has are told to be unfound. */
export const unfoundAfterMs = 5_000;
/** Whoever brings nothing waits so long for a peer that has the index, before the origin is asked, and up to so much more. */
export const indexFromPeersMs = 2_500;
export const indexSpreadMs = 10_000;
/** A peer looks first at what it has of the version before; and an update is not urgent. */
export const indexOfUpdateFromPeersMs = 60_000;
/** While only those that bring chunks have the index, one peer after another is asked, each again after the rest. */
export const indexAgainMs = 500;
export const indexRestMs = 2_000;
/** It answers who waits within some minutes: when it has said nothing for so long, it is away though the bus is there. */
export const schedulerSilentMs = 600_000;
/** Without the scheduler a chunk waits between the one and both, another span on each node, so that one of
 * them brings it and the others have it of that one. */
export const awayLeastMs = 10_000;
export const awaySpreadMs = 300_000;
/** The origin failed: tried again, twice as long each time. */
export const firstOriginRetryMs = 1_000;
export const longestOriginRetryMs = 60_000;
/** A round trip that is so much over its floor means that somebody else uses the line. */
export const queueMs = 60;
/** A look is a second: twice the floor in an hour of them, longer than a film keeps the line busy. */
export const floorRise = 1.0002;
/** Of the line, by owners' shares: above it nodes of the site may be what makes round trips long. */
export const mostFilledPart = 0.75;
/** What of the owner's share is left at least then, so that a line that is always busy does not stop a job. */
export const leastPace = 1 / 16;
/** Blobs that are exchanged at a time; those that come when there are so many are fetched from the origin. */
export const maxExchanges = 256;
/** Packages among them: a large upgrade. The scheduler takes no more of one node. */
export const maxForeign = 128;
/** Peers of one blob that are remembered. */
export const maxPeers = 256;
/** Of these, hosts that the scheduler did not name: who was told of this node, and new ones, of which it will tell. */
export const maxGuests = 64;
