// Every bound of the scheduler's core, each with its reason. `defaults.md` of the design has the
// same figures; a change here is a change there.

/** A report of an idle node is due this often; it adds jitter of its own. */
export const idleReportMs = 180_000;
/** Two idle reports and their jitter missed: the node is suspect. */
export const suspectAfterMs = 2.4 * idleReportMs;
/** After a start every node is asked for a report; one that is there connects again in seconds. */
export const unheardSuspectAfterMs = 60_000;
/** A suspect node keeps its tasks this long, unless the job says otherwise: homes come back. */
export const defaultLostAfterMs = 15 * 60_000;
/** A grant that its node has not confirmed is sent again. */
export const grantResendMs = 15_000;
/** Grants sent again in one sweep: a restart with 100,000 leases must not flood the bus. */
export const resendsPerSweep = 1_000;
/** Beyond its task's timeout a lease may run on so long: its node ends tasks itself, and a lease that
 * is still running then is held by an agent that does not work. */
export const overdueAfterMs = 15 * 60_000;
/** A lease may be staged so long, and the timeout of its task: inputs cross thin lines for hours. */
export const stagedAtMostMs = 24 * 3_600_000;
/** Grants sent again to a node that is heard and never confirms them, ten minutes of them, before
 * the task goes elsewhere. */
export const resendsOfLease = 40;
/** Leases a slot may hold: one runs, one is staged (a longer queue made the tail worse). */
export const leasesPerSlot = 2;
/** Transfers at a time for each site and direction: more only starves CPUs (measured). */
export const transfersAtATime = 2;
/** Bytes that move without being asked for, and that nobody is told of: the same as agents have. */
export const freeTransferBytes = 16 * 1024;
/** A granted transfer that takes longer than so many times its fair time has lost its place. */
export const transferPatience = 4;
/** Added to it: connection, hashing and unpacking on a Pi 1. */
export const transferGraceMs = 60_000;
/** Over this backlog of the uplink a site takes no task that adds more link than CPU time. */
export const linkWindowSeconds = 10;
/** At the line of a site where inputs were born: most wait for the other site's line first, and this one is idle meanwhile. */
export const relayWindowSeconds = 120;
/** Idle slots are offered to the tails of jobs this often. */
export const backupsEveryMs = 5_000;
/** Leases that are looked at each time; when there are more, it is done so many times more seldom:
 * a look at 36,000 of them took a tenth of a second. */
export const leasesLookedAt = 1_000;
/** A backup attempt starts when the task is expected to take this many times as long without it:
 * the expectation is rough, and a backup that does not win is wasted. */
export const backupFactor = 1.5;
/** And when it saves at least this: a sandbox, bytes and somebody's electricity are worth no less. */
export const backupGainSeconds = 30;
/** Of a job's tasks may have a backup, and one always (LATE caps them at a tenth of the slots). */
export const backupPart = 0.1;
/** Tasks with the longest to go, and idle nodes, the fastest, that are looked at each time. */
export const backupCandidates = 64;
/** A plan is looked at this often, and asked for again when what it rests on has changed by this part. */
export const planEveryMs = 3_000;
export const planDrift = 0.05;
/** Sooner for a job that it does not know: somebody waits for its first task. */
export const planSoonMs = 1_000;
/** An answer that takes longer is not waited for: the solver died, or the message was lost. */
export const planPatienceMs = 30_000;
/** When nothing was placed for so long, what the plan gives to other sites goes where a slot is free: the plan
 * counts on nodes that refuse it, by their owners' hours for one. */
export const planStallMs = 15_000;
/** A first plan is waited for so long before the balance rule places instead. */
export const planHoldMs = 1_000;
/** The program has a column for each group and class: 64 of both take HiGHS 0.15 to 0.25 s here, and at the end of
 * jobs up to 0.45 s. */
export const planGroups = 64;
export const planClasses = 64;
/** Sites of a group, and jobs of a class, that are named where the plan is shown. */
export const shownOfPlan = 16;
/** With so many idle slots for each task that waits no plan is made: each task goes where it ends soonest. */
export const idlePerTask = 8;
/** Of so many jobs at most: all nodes are gone through for each. */
export const soonestJobs = 32;
/** And while as many slots as tasks wait end a task within so many times the best one's time, and some seconds: else
 * it may be better to wait for that one. */
export const soonestPart = 1.5;
export const soonestSlackMs = 3_000;
/** What a researcher used counts half as much after this. */
export const shareHalfLifeMs = 24 * 3_600_000;
/** Waiting jobs of one researcher that a free slot chooses among, those whose turn is first. With 64, two hundred
 * jobs with programs of their own had each node fetch six of them, and took an eighth longer. */
export const candidateJobs = 256;
/** Sites that an explanation lists, those with the least to do first: more nobody reads. */
export const sitesExplained = 50;
/** Waiting jobs, the oldest, whose refusals metrics count: each is held against every node. */
export const jobsCounted = 16;
/** After a restore so many lease numbers are left out: more than are granted between two backups. */
export const leasesSkipped = 1_000_000_000;
/** Work of a task whose profile nobody knows yet. */
export const unknownWorkGhzSeconds = 60;
/** Waiting tasks of a job among which one is looked for whose checkpoint or input lies on the node. */
export const tasksLookedAt = 64;
/** Finished tasks before their mean replaces that figure; until then so many run on nodes of a kind. */
export const pilotTasks = 3;
/** Nor do more run at once then, of a job of more tasks. */
export const pilotsAtATime = 12;
/** What a node tells of itself, its inventory and that it has started anew, is on disk for good: so many changes
 * are taken at once, and then one in this time. An agent tells its inventory again every 20 reports. */
export const newsAtOnce = 20;
export const newsEveryMs = 60_000;
/** What a dead process had in flight arrives within this; a replaced instance that is heard later
 * is alive: a clone. */
export const lateMessagesMs = 120_000;
/** A node that gave a task back is left alone this long, so that the two do not spin. */
export const restAfterGivingBackMs = 30_000;
/** A node whose tasks fail one after another rests, twice as long each time: one broken node must
 * not eat a whole queue. */
export const failuresBeforeRest = 3;
export const restAfterFailuresMs = 5_000;
export const longestRestMs = 10 * 60_000;
/** Attempts of one task that may be lost with their nodes before it counts as failed: a task that
 * kills its nodes must end. */
export const lossesPerTask = 30;
/** Retries of a job that are told from new ones when they come again. */
export const retriesRemembered = 16;
/** A replica of a service that was placed so long ago had settled: its next end is taken for the first
 * one. It is not placed where the owner's hours end earlier. */
export const replicaSettledMs = 10 * 60_000;
/** One that ends earlier rests so long before it is placed again, and each time twice as long. */
export const replicaRestMs = 5_000;
export const longestReplicaRestMs = 5 * 60_000;
/** A service is changed one replica at a time, the next when those before have run for so long. */
export const rolloutAfterMs = 10_000;
/** After so many quick ends of a changed replica no more are changed, unless it settles. */
export const rolloutEnds = 3;
/** A replica runs for ever: for whose turn it is, so much of that counts in advance. */
export const serviceClaimSeconds = 3_600;
/** Of a node's month no task with internet gets: an agent keeps it for reports and results. */
export const monthPartKept = 0.05;

/** Services may have all of an uplink but this part: what remains must bring their bundles. And so much
 * of a site's rates is thought to remain for tasks, at least. */
export const partKept = 0.1;
/** A task must fit into the owner's hours with so many times the time that it is thought to need. */
export const hoursMargin = 1.2;
/** A forecast is made again after this: it moves slowly, and many may ask. */
export const forecastAgeMs = 1_000;
/** Active jobs of one list that get a forecast, the first ones: each looks at all sites, which takes
 * about 1 ms for 1,000 of them. */
export const forecastsPerList = 50;
/** Ways to fail that are told, and tasks that are named for each: more nobody reads. */
export const failureGroups = 20;
export const failureExamples = 5;
/** Names that are listed when another one is unknown. */
export const namesListed = 20;
export const tasksPerJob = 1_000_000;
/** About 70 bytes each: 280 MB. */
export const tasksInCore = 4_000_000;
export const jobsInCore = 10_000;
/** Ended jobs beyond this number, the oldest first, leave the core. */
export const endedJobsKept = 2_000;
/** A node that comes from another address for so long has moved, or its site has another address: a line
 * that was away has all its tunnels back in six minutes (OpenVPN's ping-restart). */
export const moveAfterMs = 10 * 60_000;
/** Tunnels are looked at every 15 s: one that was seen so long ago is still there. */
export const presentWithinMs = 2 * 60_000;
/** Behind the address of more nodes than this is no house, but a carrier with many of them. */
export const natGroupMost = 250;
/** A node that is on nobody's LAN as far as is known is asked again this often, with another each time. */
export const lanAskEveryMs = 6 * 3_600_000;
/** Proofs that are asked for at each look at the tunnels: a restart must not flood the bus. */
export const lanProofsPerLook = 16;
/** Sites of a node's own, where it was moved and others have joined it. */
export const ownSitesOfNode = 100;
export const nodes = 1_000_000;
export const sites = 100_000;
export const tokens = 100_000;
/** A token stays in the list so long after it expired: the operator may look why a node was refused. */
export const tokenKeptMs = 30 * 24 * 3_600_000;
/** The part of an uplink that is ours unless its owner says more. */
export const defaultShare = 0.25;
/** A careful first value for a line nobody has described. */
export const guessedDownBps = 2_000_000;
export const guessedUpBps = 500_000;
/** Counters that were read nearer to each other than this tell more of buffers than of a line. */
export const seenForMs = 10_000;
/** Of the bytes that OpenVPN counts, what is not its own headers: full packets have 4 % of them, and a
 * guess is raised with care. */
export const tunnelPayload = 0.9;
/** A guess is raised when at least this many times as much was seen: no fact for each small step. */
export const raiseBy = 1.1;
/** Probes of a line in any day: at 150 kB each way they are 900 kB at most, and a household may count its bytes. */
export const probesADay = 3;
export const dayMs = 24 * 3_600_000;
/** From a probe to the next, and how much longer at most: no part of a day, so that each site is probed at all hours. */
export const probeEveryMs = 500 * 60_000;
export const probeSpreadMs = 2 * 3_600_000;
/** A line of which too little is known is measured again soon: what spoiled one probe is over by then. */
export const unsureProbeMs = 10 * 60_000;
/** Two probes agree within so much of their mean: in the lab nearly all of one line do within a hundredth. */
export const agreeingSpread = 0.1;
/** After one that failed the next comes sooner, and later each time: a network may let no UDP through. */
export const probeRetryMs = 15 * 60_000;
export const longestProbeRetryMs = 4 * dayMs;
/** A probe takes ten seconds on a thin line; one that has not come back by then never will. */
export const probePatienceMs = 90_000;
/** Lines that are due are looked for this often: each look goes through all sites. */
export const probeLookMs = 10_000;
/** A line that is due for so long and always busy with our own bytes gets no new ones before its probe. */
export const probeHoldMs = 15 * 60_000;
/** The rate of a line is the median of so many, about two days: a line that has become another is known a day later. */
export const probesRemembered = 5;
