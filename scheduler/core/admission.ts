// Commands of researchers and operators, and enrolment: what is let in, and what is refused.

import type {
  CancelJob,
  CommandRefusal,
  CreateToken,
  EnrolNode,
  RevokeToken,
  SetResearcher,
  SubmitJob,
  WantedJob,
} from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing, refusal, refuse } from './decision.ts';
import { cancelWaiting, refuseAfter } from './dependencies.ts';
import type { Effect } from './effects.ts';
import type { Fact } from './facts.ts';
import * as limits from './limits.ts';
import { bestBundle } from './model/architecture.ts';
import type { Instant } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import { defaultSettings } from './model/researcher.ts';
import type { Token } from './model/token.ts';
import { guessedSite } from './sites/guessed-site.ts';
import { refuseNewSite } from './sites/set-site.ts';
import { ownSiteName } from './sites/siting.ts';
import type { State } from './state.ts';
import { mustHave, requestKey } from './state.ts';
import { countOf } from './words.ts';

export function submitJob(state: State, command: SubmitJob, now: Instant): Decision {
  const { template, researcher, requestId } = command;
  const before = state.jobByRequest.get(requestKey(researcher, requestId));
  if (before !== undefined) {
    return { ...nothing, answer: { kind: 'job', jobId: before.jobId, isNew: false } };
  }
  const no = refuseJob(state, command);
  if (no !== null) return { ...nothing, answer: no };
  const jobNumber = state.nextJobNumber;
  return {
    facts: [
      {
        kind: 'jobSubmitted',
        at: now,
        jobNumber,
        jobId: command.jobId,
        researcher,
        requestId,
        template,
      },
    ],
    effects: [{ kind: 'jobChanged', jobId: command.jobId }],
    answer: { kind: 'job', jobId: command.jobId, isNew: true },
  };
}

/** Why no such job of this researcher is taken now, or null. */
export function refuseJob(state: State, wanted: WantedJob): CommandRefusal | null {
  return (
    refuseSize(state, wanted.template) ??
    refuseArchitecture(state, wanted.template) ??
    refuseHome(state, wanted.template) ??
    refuseOutputsOf(state, wanted) ??
    refuseAfter(state, wanted) ??
    refuseQuota(state, wanted)
  );
}

function refuseHome({ sites }: State, { home }: JobTemplate): CommandRefusal | null {
  if (home === undefined || sites[home] !== undefined) return null;
  const reason = `The inputs of a job are at its home, a site of the federation; there is no site with number ${home}.`;
  return refusal('invalid', reason, 'home');
}

/** It was there a moment ago: somebody has deleted it. */
function refuseOutputsOf(
  { jobById }: State,
  { researcher, template: { outputsOf } }: WantedJob,
): CommandRefusal | null {
  if (outputsOf === undefined) return null;
  if (jobById.get(outputsOf.jobId)?.researcher === researcher) return null;
  const reason = `wanted a job of yours that has outputs, found none with the id "${outputsOf.jobId}"`;
  return refusal('invalid', reason, 'tasks.outputsOf');
}

function refuseSize(state: State, template: JobTemplate): CommandRefusal | null {
  if (template.taskCount > limits.tasksPerJob) {
    const reason = `A job has at most ${limits.tasksPerJob} tasks, this one ${template.taskCount}: split it.`;
    return refusal('exhausted', reason, 'tasks');
  }
  const isFull =
    state.taskCount + template.taskCount > limits.tasksInCore ||
    state.jobs.size >= limits.jobsInCore;
  if (isFull) {
    const reason = `The scheduler holds ${state.jobs.size} jobs with ${state.taskCount} tasks and takes at most ${limits.jobsInCore} with ${limits.tasksInCore}: submit again when some have ended.`;
    return refusal('exhausted', reason);
  }
  return null;
}

/** The operator allows no more waiting tasks: now, or ever so many. */
export function refuseQuota(
  state: State,
  { researcher, template }: WantedJob,
): CommandRefusal | null {
  const known = state.researchers.get(researcher);
  const most = known?.settings.maxWaitingTasks ?? null;
  const waiting = known?.waitingTasks ?? 0;
  if (most === null || waiting + template.taskCount <= most) return null;
  const bound = `${researcher} may have ${countOf(most, 'waiting task')} at a time`;
  const remedy = `ask the operator for more (punnet researcher set ${researcher} --max-waiting NUMBER)`;
  const reason =
    template.taskCount > most
      ? `${bound}, and these are ${template.taskCount}: take fewer at a time, or ${remedy}.`
      : `${bound}, has ${waiting}, and wants ${template.taskCount} more: try again when fewer wait, or ${remedy}.`;
  return refusal('exhausted', reason, 'tasks');
}

/** A federation without nodes takes any job; later nodes may run it. */
export function refuseArchitecture(state: State, { bundles }: JobTemplate): CommandRefusal | null {
  const present = new Set<string>();
  for (const node of state.nodes) {
    if (node.health === 'revoked') continue;
    if (bestBundle(node.inventory.architecture, bundles) !== undefined) return null;
    present.add(node.inventory.architecture);
  }
  if (present.size === 0) return null;
  const wanted = bundles.map((bundle) => bundle.architecture).join(', ');
  const found = [...present].sort().join(', ');
  const reason = `no node can run a bundle for ${wanted}; the federation has ${found}: add a bundle for one of these`;
  return refusal('failed_precondition', reason, 'bundles');
}

export function cancelJob(state: State, command: CancelJob, now: Instant): Decision {
  const job = state.jobById.get(command.jobId);
  if (job === undefined) return refuse('not_found', `There is no job ${command.jobId}.`, 'job_id');
  const answer = { kind: 'job', jobId: job.jobId, isNew: false } as const;
  if (job.state !== 'active') return { ...nothing, answer };
  const effects: Effect[] = [{ kind: 'jobChanged', jobId: job.jobId }];
  for (const lease of state.leases.values()) {
    if (lease.jobNumber !== job.number) continue;
    const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    effects.push({ kind: 'cancel', nodeId: node.nodeId, leaseId: lease.leaseId });
  }
  const others = cancelWaiting(state, job, { as: 'cancelled', now });
  return {
    facts: [{ kind: 'jobCancelled', at: now, jobNumber: job.number }, ...others.facts],
    effects: [...effects, ...others.effects],
    answer,
  };
}

export function setResearcher(state: State, command: SetResearcher, now: Instant): Decision {
  const { name } = command;
  const known = state.researchers.get(name);
  if (known === undefined) {
    const names = researcherNames(state);
    if (!names.has(name)) return refuse('not_found', unknownResearcher(name, names), 'name');
  }
  const settings = { ...defaultSettings, ...known?.settings, ...command.settings };
  return { ...nothing, facts: [{ kind: 'researcherSet', at: now, name, settings }] };
}

/** Who may submit jobs, or has. Nobody else is one, or a slip would set something for nobody. */
function researcherNames(state: State): ReadonlySet<string> {
  const names = new Set(state.researchers.keys());
  for (const { role, name } of state.tokens.values()) if (role !== 'node') names.add(name);
  return names;
}

function unknownResearcher(name: string, names: ReadonlySet<string>): string {
  const all = [...names].sort();
  const listed = all.slice(0, limits.namesListed);
  const more = all.length > listed.length ? [`${all.length - listed.length} more`] : [];
  const there = [...listed, ...more].join(', ') || 'nobody yet';
  return `There is no researcher ${name}, with a token or a job; there are: ${there}. A new one needs a token first (punnet token create --researcher ${name}).`;
}

export function createToken(state: State, command: CreateToken, now: Instant): Decision {
  if (state.tokens.size >= limits.tokens) {
    return refuse('exhausted', `There are ${limits.tokens} tokens, the most there can be.`);
  }
  if (command.siteId !== null && !state.siteById.has(command.siteId)) {
    const reason = `There is no site ${command.siteId}: make it first (punnet site set ${command.siteId} --down RATE --up RATE).`;
    return refuse('not_found', reason, 'site_id');
  }
  const token: Token = {
    tokenId: command.tokenId,
    hash: command.hash,
    role: command.role,
    name: command.name,
    siteId: command.siteId,
    createdAt: now,
    expiresAt: command.expiresAt,
    usesLeft: command.uses,
    isRevoked: false,
  };
  return {
    facts: [{ kind: 'tokenCreated', at: now, token }],
    effects: [],
    answer: { kind: 'token', token },
  };
}

export function revokeToken(state: State, command: RevokeToken, now: Instant): Decision {
  const token = state.tokens.get(command.tokenId);
  if (token === undefined) {
    return refuse(
      'not_found',
      `There is no token ${command.tokenId}: see "punnet token list".`,
      'token_id',
    );
  }
  const answer = { kind: 'token', token: { ...token, isRevoked: true } } as const;
  if (token.isRevoked) return { ...nothing, answer };
  if (token.role === 'operator' && !hasOtherOperator(state, token, now)) {
    const reason = `The token ${token.tokenId} is the last operator's: make another first (punnet token create --operator NAME).`;
    return refuse('failed_precondition', reason, 'token_id');
  }
  return {
    facts: [{ kind: 'tokenRevoked', at: now, tokenId: token.tokenId }],
    effects: [],
    answer,
  };
}

const askForToken = 'ask the operator for a new one (punnet token create --node)';

/** Without an operator nobody could ever let one in again. */
function hasOtherOperator(state: State, token: Token, now: Instant): boolean {
  for (const other of state.tokens.values()) {
    const isGood = !other.isRevoked && other.expiresAt > now;
    if (other.role === 'operator' && other.tokenId !== token.tokenId && isGood) return true;
  }
  return false;
}

export function enrolNode(state: State, command: EnrolNode, now: Instant): Decision {
  const again = findEnrolled(state, command);
  if (again !== null) return again;
  const tokenId = state.tokenByHash.get(command.tokenHash);
  const token = tokenId === undefined ? undefined : state.tokens.get(tokenId);
  if (token === undefined) {
    const reason = `This federation did not issue this token: copy all of it, or ${askForToken}.`;
    return refuse('token_unknown', reason, 'token');
  }
  const refusal = refuseToken(token, now);
  if (refusal !== null) return refusal;
  if (state.nodes.length >= limits.nodes) {
    return refuse('exhausted', `The federation has ${limits.nodes} nodes, the most it can have.`);
  }
  const siteName = token.siteId ?? ownSiteName(command.nodeId);
  const site = state.siteById.get(siteName);
  const siteNumber = site?.number ?? state.sites.length;
  const facts: Fact[] = [{ kind: 'tokenUsed', at: now, tokenId: token.tokenId }];
  if (site === undefined) {
    const no = refuseNewSite(state, siteName);
    if (no !== null) return { ...nothing, answer: no };
    facts.push(guessedSite({ siteId: siteName, siteNumber }, now));
  }
  facts.push({
    kind: 'nodeEnrolled',
    at: now,
    nodeNumber: state.nodes.length,
    nodeId: command.nodeId,
    name: command.name,
    siteNumber,
    natsPublicKey: command.natsPublicKey,
    inventory: command.inventory,
    requestId: command.requestId,
    tokenId: token.tokenId,
  });
  const answer = { kind: 'node', nodeId: command.nodeId, siteId: siteName } as const;
  return { facts, effects: [], answer };
}

/** The same node asks again because the answer was lost: it gets the same answer. */
function findEnrolled(state: State, command: EnrolNode): Decision | null {
  for (const node of state.nodes) {
    if (node.natsPublicKey !== command.natsPublicKey) continue;
    if (node.requestId !== command.requestId || node.health === 'revoked') {
      return refuse('already_exists', 'This key is enrolled already.', 'nats_public_key');
    }
    const site = mustHave(state.sites[node.siteNumber], 'site', node.siteNumber);
    return { ...nothing, answer: { kind: 'node', nodeId: node.nodeId, siteId: site.siteId } };
  }
  return null;
}

function refuseToken(token: Token, now: Instant): Decision | null {
  const ask = askForToken;
  if (token.role !== 'node') {
    const reason = `This token is for people (${token.role}), wanted one for a node: ${ask}.`;
    return refuse('token_wrong_role', reason, 'token');
  }
  if (token.isRevoked) return refuse('token_revoked', `This token was revoked: ${ask}.`, 'token');
  if (token.expiresAt <= now) {
    const when = `${Math.floor((now - token.expiresAt) / 60_000)} minutes ago`;
    return refuse('token_expired', `This token expired ${when}: ${ask}.`, 'token');
  }
  if (token.usesLeft !== null && token.usesLeft <= 0) {
    return refuse('token_used_up', `This token has been used up: ${ask}.`, 'token');
  }
  return null;
}
