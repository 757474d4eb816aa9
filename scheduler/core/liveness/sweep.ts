// Deadlines that have passed: silent nodes, lost grants, stuck transfers.

import type { Direction } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing, refuse } from '../decision.ts';
import { lookAtExchanges } from '../distribution/look.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { defaultLostAfterMs, grantResendMs, resendsPerSweep, tokenKeptMs } from '../limits.ts';
import type { Instant, NodeId } from '../model/ids.ts';
import type { LeaseRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { leaseProbe } from '../probes/lease-probe.ts';
import { rollServices } from '../roll-services.ts';
import { stepRollouts } from '../rollout/step.ts';
import { hasRested } from '../services.ts';
import { patienceOf, silentUntil } from './deadlines.ts';
import { endOverdue } from './overdue.ts';
import { jobsOf, voidLeases } from './void-leases.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

const quiet: Part = { facts: [], effects: [] };

/** Acts on every deadline that has passed. */
export function sweep(state: State, now: Instant): Decision {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  const add = (part: Part): void => {
    // Of most nodes.
    if (part === quiet) return;
    facts.push(...part.facts);
    effects.push(...part.effects);
  };
  for (const nodeNumber of state.deadlines.due(now)) {
    const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
    const { restsUntil } = node;
    if (restsUntil > 0 && restsUntil <= now) facts.push({ kind: 'nodeRested', nodeNumber });
    if (node.health === 'healthy' || node.health === 'suspect') add(sweepNode(state, node, now));
  }
  if (state.deadlines.isDue(now)) facts.push({ kind: 'nodesLookedAt', at: now });
  add(resendGrants(state, now));
  for (const jobNumber of state.waitingJobs) {
    const job = mustHave(state.jobs.get(jobNumber), 'job', jobNumber);
    if (hasRested(job, now)) facts.push({ kind: 'replicasRested', at: now, jobNumber });
  }
  facts.push(...expireTransfers(state, now));
  add(lookAtExchanges(state, now));
  add(leaseProbe(state, now));
  add(endOverdue(state, now));
  add(rollServices(state, now));
  add(stepRollouts(state, now));
  facts.push(...forgetTokens(state, now));
  return { facts, effects, answer: { kind: 'done' } };
}

function sweepNode(state: State, node: NodeRecord, now: Instant): Part {
  const { number: nodeNumber, watchedSince } = node;
  // First sweep after a start: everybody gets the full time again. What a node reported before the
  // scheduler listened is lost, and what was soft is told anew: it is asked.
  if (watchedSince === 0) return watched(node, now);
  if (node.health === 'suspect') return loseTasks(state, node, now);
  if (now < silentUntil(state, node)) return quiet;
  const suspect: Fact = { kind: 'nodeHealthChanged', at: now, nodeNumber, health: 'suspect' };
  const { facts, effects } = watched(node, now);
  return { facts: [suspect, ...facts], effects };
}

/** Its silence counts from now on, and it is asked. */
function watched({ nodeId, number: nodeNumber }: NodeRecord, now: Instant): Part {
  return {
    facts: [{ kind: 'watchStarted', at: now, nodeNumber }],
    effects: [{ kind: 'askReport', nodeId }],
  };
}

/** Takes the tasks of a suspect node whose jobs' patience is over, and then the node's health. */
function loseTasks(state: State, node: NodeRecord, now: Instant): Part {
  const suspectMs = now - node.watchedSince;
  const held = node.leases;
  const overdue = held.filter((lease) => suspectMs >= patienceOf(state, lease));
  const facts: Fact[] = [...voidLeases(state, overdue, { at: now, why: 'node_lost' })];
  if (suspectMs >= defaultLostAfterMs && overdue.length === held.length) {
    facts.push({ kind: 'nodeHealthChanged', at: now, nodeNumber: node.number, health: 'lost' });
  }
  return { facts, effects: jobsOf(state, overdue) };
}

/** Grants that were never confirmed, after a lost message or a restart. */
function resendGrants(state: State, now: Instant): Part {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  for (const lease of state.leases.values()) {
    if (facts.length >= resendsPerSweep) break;
    if (lease.isVoid || lease.phase !== 'granted') continue;
    if (now - lease.sentAt < grantResendMs) continue;
    const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    if (node.health !== 'healthy') continue;
    facts.push({ kind: 'leaseResent', at: now, leaseId: lease.leaseId });
    effects.push(grantOf(state, node, lease));
  }
  return { facts, effects };
}

/** The grant of a lease in force, to be sent (again). */
export function grantOf(state: State, node: NodeRecord, lease: LeaseRecord): Effect {
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  return {
    kind: 'grant',
    nodeId: node.nodeId,
    leaseId: lease.leaseId,
    jobId: job.jobId,
    taskIndex: lease.taskIndex,
  };
}

/** A node that died in the middle of a transfer must not block its site's lane. */
function expireTransfers(state: State, now: Instant): readonly Fact[] {
  const facts: Fact[] = [];
  const expire = (site: SiteRecord, direction: Direction): void => {
    for (const [leaseId, deadline] of site.lanes[direction].active) {
      if (deadline <= now) facts.push({ kind: 'transferEnded', leaseId, direction });
    }
  };
  for (const siteNumber of state.sitesMoving) {
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    expire(site, 'down');
    expire(site, 'up');
  }
  return facts;
}

/**
 * Used up or revoked ones too go when they would have expired. An operator's stays: the scheduler
 * takes the one of its context file that it does not know for a new one.
 */
function forgetTokens(state: State, now: Instant): readonly Fact[] {
  const facts: Fact[] = [];
  for (const { tokenId, expiresAt, role } of state.tokens.values()) {
    if (role === 'operator' || expiresAt + tokenKeptMs > now) continue;
    facts.push({ kind: 'tokenForgotten', at: now, tokenId });
  }
  return facts;
}

/** The bus saw a connection of the node close: it is suspect at once. It is asked all the same, as
 * it may have another one by now. */
export function disconnect(state: State, nodeId: NodeId, now: Instant): Decision {
  const node = state.nodeById.get(nodeId);
  if (node === undefined || node.health !== 'healthy') return nothing;
  return {
    ...nothing,
    facts: [
      { kind: 'nodeHealthChanged', at: now, nodeNumber: node.number, health: 'suspect' },
      { kind: 'watchStarted', at: now, nodeNumber: node.number },
    ],
    effects: [{ kind: 'askReport', nodeId }],
  };
}

/** Its credentials die, its leases are void, its tasks wait again. */
export function revokeNode(state: State, nodeId: NodeId, now: Instant): Decision {
  const node = state.nodeById.get(nodeId);
  if (node === undefined) return refuse('not_found', `There is no node ${nodeId}.`, 'node_id');
  const held = node.leases;
  const isNews = node.health !== 'revoked';
  const changed: Fact = {
    kind: 'nodeHealthChanged',
    at: now,
    nodeNumber: node.number,
    health: 'revoked',
  };
  return {
    facts: isNews ? [changed, ...voidLeases(state, held, { at: now, why: 'node_revoked' })] : [],
    effects: [
      { kind: 'revokeCredentials', nodeId, natsPublicKey: node.natsPublicKey },
      ...jobsOf(state, held),
    ],
    answer: { kind: 'done' },
  };
}
