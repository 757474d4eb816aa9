// Every bound of the exchange of blobs, each with its reason.

/** Smaller blobs cost more messages than they save. */
export const sharedFromBytes = 256 * 1024;
/** 64 GiB in chunks of 1 MiB; the same as `proto/chunks.ts` has. */
export const chunksPerBlob = 65_536;
/** As many nodes as one line may have by far. */
export const membersPerExchange = 1_000;
/** Blobs of one site, those of jobs and releases among them: a node must not fill the core's memory. */
export const exchangesPerSite = 256;
/** Blobs that only nodes know (packages), of one site: a large upgrade. The one that nobody has wanted for the longest time gives way. */
export const foreignPerSite = 256;
/** Of one node: it must not fill its site's places. The same as an agent keeps. */
export const foreignPerNode = 128;
/** Of all sites: some 200 MB of the core's memory. No more are taken then. */
export const foreignMost = 65_536;
/** Of one package; larger ones are rare, and would keep a place of a thin line for hours. */
export const foreignBytes = 256 * 1024 * 1024;
/** A package goes over the line beside another one only when it is so small that who lies about it holds the place for seconds. */
export const foreignBesideBytes = 1024 * 1024;
/** Its mirror may be slower than the line, and of one chunk nobody hears how far it is: a lease lasts as long as at this rate at least. */
export const foreignBps = 4_000_000;
/** A node that let the lease of a package lapse is given no other for so long. */
export const foreignRestMs = 30 * 60_000;
/** A member that let a lease for chunks lapse is given no other of that blob for so long, doubled with each, if others would bring it: its place is
 * theirs, and that of what tasks alone need. */
export const restMs = 30_000;
export const restMostMs = 30 * 60_000;
/** Members that stay with a package that nobody wants any more, for those that want it later. */
export const foreignHolders = 4;
/** Blobs without a job: those of a few releases for each model of node. */
export const wantedBlobs = 1_000;
/** A lease for chunks: what the line brings in so long, which is more than it takes to ask for the next. All of it may be lost with a
 * node, or be wrong when others have it from there. */
export const batchMs = 1_000;
export const batchLeast = 8;
export const batchMost = 32;
/** Of a node that has brought nothing yet that others have from there: so much is lost with each that lies. */
export const batchUntried = 4;
/** Batches of a node that is alone: it asks for the next when half of the last is left, so that its line does not idle. */
export const batchesOfNode = 2;
/** What is missing is cut into at least so many, so that no node is left with much of it in the end. */
export const batchesLeft = 8;
/** Runs of a lease: each is a request to the origin. */
export const runsPerBatch = 8;
/** A lease for chunks lasts so many times what the line needs for it while another goes beside it, and this. */
export const batchPatience = 3;
export const batchGraceMs = 10_000;
/** A carrier speaks each eighth of its lease's span. One that has been silent for so much of it has no power, if others of its site were heard after
 * half of that: else the line is cut, and it goes on when that is back. */
export const batchSilentPart = 1 / 3;
/** A lease whose chunks come, though slowly, lasts up to so many times that: the origin may have many sites to serve. */
export const batchSpans = 8;
/** A chunk that a member holds, as it said so long ago, and that another one finds nowhere is brought for that one. */
export const unfoundAfterMs = 5_000;
/** So long where others have chunks of who brought it: a LAN that is busy takes its time, and two that reach each other not at all need it twice. */
export const unspreadAfterMs = 15_000;
/** After the exchange of an update has opened its members look through what they have of the version before: 1 GB within this on a slow card. */
export const opensWithinMs = 2 * 60_000;
/** Who opens it says so after 3 s, 9 s, 21 s …: each time after as long again, and 3 s. One that has not, and not for 3 s more, is not waited for. */
export const opensSilentMs = 6_000;
/** Nodes that have lost the scheduler for a moment have told it by then what they bring. */
export const resumesWithinMs = 5_000;
/** Members that each is told of: rarest first among about eight does without all the others. */
export const peersTold = 8;
/** Whole copies of a needed blob at a site that stay when disks are cleared. */
export const pinnedCopies = 2;
/** An exchange that nobody needs any more is kept so long: the next job often has the same blob. */
export const closeAfterMs = 10 * 60_000;
/** Packages are wanted by one node after another within days. */
export const closeForeignAfterMs = 3 * 24 * 3_600_000;
/** A member that has got nothing for so long and asks is told of its peers again. */
export const retellMs = 15_000;
/** Whether blobs are still needed, and who has to be told of others, is looked at this often. */
export const exchangeLookMs = 2_000;
/** A new start of an agent has told of its blobs by then. */
export const toldAgainWithinMs = 2 * 60_000;
