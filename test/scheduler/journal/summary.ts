// What is in a state, in lines that people read and that later versions can still say.

import { StateView, defaultPolicy, instant } from '../../../scheduler/core/index.ts';
import type { State } from '../../../scheduler/core/index.ts';

export function summaryOf(state: State): string {
  const view = new StateView(state, { now: () => instant(state.latest), policy: defaultPolicy });
  const lines: string[] = [];
  for (const job of view.jobs({
    researcher: null,
    name: null,
    state: null,
    before: null,
    limit: 100,
  })) {
    const { jobId, researcher, template, submittedAt } = job;
    lines.push(
      `job ${jobId} of ${researcher}: ${job.state}, ${template.command.join(' ')}, ${time(submittedAt)}`,
    );
    for (const task of view.tasks({ jobId, phase: null, from: 0, limit: 1_000 })) {
      const { index, phase, nodeId, failures, losses, endCode, exitCode, cpuMs, result } = task;
      lines.push(
        `  task ${index}: ${phase} on ${nodeId}, ${failures} failures, ${losses} losses, ` +
          `${endCode} ${exitCode}, ${cpuMs} ms, ${result}`,
      );
    }
  }
  for (const { nodeId, siteId, health, natsPublicKey, inventory, ...node } of view.nodes()) {
    const { tasksSucceeded, tasksFailed } = node;
    lines.push(
      `node ${nodeId} at ${siteId}: ${health}, ${natsPublicKey}, ${inventory.slots} slots of ` +
        `${inventory.speedGhz} GHz, agent ${inventory.agentVersion}, ` +
        `${tasksSucceeded} succeeded, ${tasksFailed} failed`,
    );
  }
  for (const { siteId, uplink, share } of view.sites()) {
    const { downBps, upBps, source } = uplink;
    lines.push(`site ${siteId}: ${downBps} and ${upBps} bit/s, ${source}, share ${share}`);
  }
  for (const { name, version, phase, ring, reason, isHeld } of view.rollouts()) {
    lines.push(`rollout of ${name} ${version}: ${phase}, ring ${ring}, ${reason}, held ${isHeld}`);
  }
  for (const { tokenId, role, siteId, expiresAt, usesLeft, isRevoked } of view.tokens()) {
    lines.push(
      `${tokenId}: ${role} at ${siteId}, until ${time(expiresAt)}, ` +
        `${usesLeft} uses left${isRevoked ? ', revoked' : ''}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function time(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
