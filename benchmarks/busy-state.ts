// A state such as a scheduler has in the middle of its work, made by commands alone: a third of the
// tasks has ended with a result, each node holds two, the rest waits. The same for the same numbers.

import type { Command, JobTemplate } from '../scheduler/core/index.ts';
import { balance } from '../scheduler/core/placement/policies/balance.ts';
import {
  State,
  apply,
  decide,
  instant,
  jobId,
  leaseId,
  nodeId,
  sha256,
  siteId,
  tokenId,
} from '../scheduler/core/index.ts';

const startMs = 1_800_000_000_000;
const nodesPerSite = 100;

export function templateOf(tasks: number): JobTemplate {
  const bundle = { sha256: sha256('ab'.repeat(32)), sizeBytes: 1_000, isRootFileSystem: false };
  return {
    name: 'bench',
    bundles: [{ architecture: 'aarch64', ...bundle }],
    command: ['/bin/true', '{index}'],
    environment: {},
    sharedInputs: [],
    outputs: ['out'],
    taskCount: tasks,
    manifest: { sha256: sha256('cd'.repeat(32)), sizeBytes: 1_000 },
    taskInputBytes: Array.from({ length: tasks }, (_, index) => 1_000 + (index % 977)),
    profile: { workGhzSeconds: 10, outputBytes: 1_000 },
    timeoutMs: 3_600_000,
    memoryBytes: 64_000_000,
    diskBytes: 100_000_000,
    retries: 3,
    after: [],
    deadlineAt: null,
    service: null,
    lostAfterMs: 15 * 60_000,
    priority: 0,
  };
}

export function busyState(options: { readonly nodes: number; readonly tasks: number }): State {
  const state = new State();
  let nowMs = startMs;
  const give = (command: Command): void => {
    nowMs += 1;
    for (const each of [command, { kind: 'place' } as const]) {
      for (const fact of decide(state, each, { now: instant(nowMs), policy: balance }).facts)
        apply(state, fact);
    }
  };
  for (const command of enrolNodes(options.nodes, startMs)) give(command);
  const template = templateOf(options.tasks);
  const id = jobId('j0123456789');
  give({ kind: 'submitJob', jobId: id, researcher: 'ada', requestId: 'r', template });
  let sequence = 1;
  for (let ended = 0; ended < options.tasks / 3; ended += options.nodes) {
    sequence += 1;
    for (const node of state.nodes) {
      const [first] = node.leases;
      if (first === undefined) throw new Error(`node ${node.nodeId} holds nothing`);
      give(endOf(node.nodeId, first.leaseId, sequence));
    }
  }
  return state;
}

/** All that it takes until so many nodes, a hundred a site, have reported. */
export function* enrolNodes(nodes: number, nowMs: number): Generator<Command> {
  for (let index = 0; index < nodes; index += 1) {
    const site = siteId(`site-${Math.floor(index / nodesPerSite)}`);
    if (index % nodesPerSite === 0) {
      yield { kind: 'setSite', siteId: site, downBps: 1e9, upBps: 1e9, share: 1 };
      yield {
        ...{ kind: 'createToken', tokenId: tokenId(site), hash: site, role: 'node', name: '' },
        ...{ siteId: site, expiresAt: instant(nowMs + 1e9), uses: nodesPerSite },
      };
    }
    const node = nodeId(`n${String(index).padStart(10, '0')}`);
    yield {
      ...{ kind: 'enrolNode', tokenHash: site, requestId: node, nodeId: node, name: node },
      ...{ natsPublicKey: `U${node}`, inventory },
    };
    yield { ...spokeOf(node, 1), held: [] };
  }
}

const inventory = {
  architecture: 'aarch64',
  userland: 'arm64',
  model: 'Raspberry Pi 3 Model B',
  slots: 1,
  speedGhz: 1.2,
  memoryBytes: 1_000_000_000,
  diskBytes: 10_000_000_000,
  agentVersion: '0.1.0',
  nodeVersion: '20.0.0',
  lan: '192.168.1.0/24',
  sandbox: 'cgroup-v2',
} as const;

/** A message of a node that says nothing yet. */
export function spokeOf(node: ReturnType<typeof nodeId>, sequence: number) {
  return {
    kind: 'nodeSpoke',
    nodeId: node,
    instanceNumber: 1,
    instanceId: `instance of ${node}`,
    sequence,
    status: null,
    inventory: null,
    held: null,
    started: [],
    exited: [],
    ended: [],
    transfersWanted: [],
    transfersDone: [],
  } as const;
}

function endOf(node: ReturnType<typeof nodeId>, lease: number, sequence: number): Command {
  const result = { sha256: sha256(lease.toString(16).padStart(64, '0')), sizeBytes: 500 };
  const end = { leaseId: leaseId(lease), code: 'succeeded', exitCode: 0, cpuMs: 1_234 } as const;
  const ended = [{ ...end, wallMs: 1_234, result, isResultPresent: true }];
  return { ...spokeOf(node, sequence), ended };
}
