// The scheduler's judgement: a command comes in, what is decided goes out. Nothing is changed here.

import {
  cancelJob,
  createToken,
  enrolNode,
  revokeToken,
  setResearcher,
  submitJob,
} from './admission.ts';
import type { Command, NodeSpoke } from './commands.ts';
import type { Decision } from './decision.ts';
import { drainNodes } from './drain.ts';
import { wantBlobs } from './distribution/wanted.ts';
import { disconnect, revokeNode, sweep } from './liveness/sweep.ts';
import { giveSlice } from './overlay/give-slice.ts';
import { hear } from './liveness/hear.ts';
import { hearIdle } from './liveness/hear-idle.ts';
import type { Instant } from './model/ids.ts';
import { planFailed, planSolved } from './placement/plan/ask.ts';
import { place } from './placement/place.ts';
import type { Policy } from './placement/policy.ts';
import { takeMeasurement } from './probes/take-measurement.ts';
import { changeRollout, holdRollouts, startRollout } from './rollout/change-rollout.ts';
import { hearReleases } from './rollout/hear-releases.ts';
import { releaseOrders } from './rollout/orders.ts';
import { deleteJob, retryTasks } from './retry.ts';
import { setSite, setSites } from './sites/set-site.ts';
import { lanProved } from './sites/lan-proof.ts';
import { seeTunnels } from './sites/see-tunnels.ts';
import { outputsCame } from './kept.ts';
import { setNodeSite } from './sites/set-node-site.ts';
import type { State } from './state.ts';
import { updateJob } from './update.ts';

/** A report is answered with what the node should have of releases. */
function hearAndOrder(state: State, command: NodeSpoke, now: Instant): Decision {
  const decision = hear(state, command, now);
  const orders = command.held === null ? [] : releaseOrders(state, command.nodeId);
  if (orders.length === 0) return decision;
  return { ...decision, effects: [...decision.effects, ...orders] };
}

/** What a judgement rests on beside the state. */
export interface Circumstances {
  /** Milliseconds since the epoch; it never goes back from one call to the next. */
  readonly now: Instant;
  readonly policy: Policy;
}

/** Judges one command against the state. */
export function decide(state: State, command: Command, about: Circumstances): Decision {
  const { now } = about;
  switch (command.kind) {
    case 'submitJob':
      return submitJob(state, command, now);
    case 'cancelJob':
      return cancelJob(state, command, now);
    case 'updateJob':
      return updateJob(state, command, now);
    case 'retryTasks':
      return retryTasks(state, command, now);
    case 'deleteJob':
      return deleteJob(state, command, now);
    case 'outputsCame':
      return outputsCame(state, command, now);
    case 'setSite':
      return setSite(state, command, now);
    case 'setResearcher':
      return setResearcher(state, command, now);
    case 'createToken':
      return createToken(state, command, now);
    case 'revokeToken':
      return revokeToken(state, command, now);
    case 'enrolNode':
      return enrolNode(state, command, now);
    case 'giveSlice':
      return giveSlice(state, command, now);
    case 'revokeNode':
      return revokeNode(state, command.nodeId, now);
    case 'setSites':
      return setSites(state, command, now);
    case 'setNodeSite':
      return setNodeSite(state, command, now);
    case 'lanProved':
      return lanProved(state, command, now);
    case 'uplinkProbed':
      return takeMeasurement(state, command, now);
    case 'tunnelsSeen':
      return seeTunnels(state, command, now);
    case 'drainNodes':
      return drainNodes(state, command, now);
    case 'startRollout':
      return startRollout(state, command, now);
    case 'changeRollout':
      return changeRollout(state, command, now);
    case 'holdRollouts':
      return holdRollouts(state, command, now);
    case 'wantBlobs':
      return wantBlobs(command.blobs);
    case 'releasesTold':
      return hearReleases(state, command, now);
    case 'nodeSpoke':
      return hearAndOrder(state, command, now);
    case 'nodesIdle':
      return hearIdle(state, command, now);
    case 'nodeDisconnected':
      return disconnect(state, command.nodeId, now);
    case 'planSolved':
      return planSolved(state, command, now);
    case 'planFailed':
      return planFailed(state, command, now);
    case 'tick':
      return sweep(state, now);
    case 'place':
      return place(state, about);
  }
}
