// `punnet-agent run`: looks at what this machine can hold tasks to, and has an agent run until it is told to stop.

import type { Inventory } from '../proto/gen/punnet/v1/node.ts';
import { leastFreeBytes, roomToStart } from './adapters/blobs/room-to-start.ts';
import { log } from './adapters/log.ts';
import { Owner } from './adapters/owner/owner.ts';
import { nameOf } from './adapters/owner/texts.ts';
import { readLan } from './adapters/probe/lan.ts';
import { Sandbox } from './adapters/sandbox/sandbox.ts';
import type { Abilities } from './adapters/sandbox/self-test.ts';
import type { StateFolder } from './adapters/state/state-folder.ts';
import { AgentError } from './adapters/state/state-folder.ts';
import { Agent } from './agent.ts';

/** Another release can't take over before this one has ended. */
const stopWithinMs = 20_000;

/** Runs until SIGTERM or SIGINT; tasks then go on in their shims. Returns the exit code. */
export async function run(
  state: StateFolder,
  inventory: Inventory,
  isUnsandboxedAllowed: boolean,
): Promise<number> {
  const identity = state.readIdentity();
  const keys = state.readKeys();
  if (identity === null || keys === null) {
    throw new AgentError(
      `${state.path} holds no enrolled node: enrol it first (punnet-agent enrol URL TOKEN).`,
    );
  }
  let status = (): string => 'It starts.';
  await state.lock(() => status());
  await roomToStart(state, {
    log,
    onFull: (freeBytes) => {
      const why = `its disk is full: ${freeBytes} bytes are free, and a start needs ${leastFreeBytes}. Make room on it; it goes on by itself`;
      log('waits for room', { why });
      status = () => `${nameOf(identity)} waits: ${why}.`;
    },
  });
  const tasks = new Sandbox({ stateFolder: state.path, allowUnsandboxed: isUnsandboxedAllowed });
  const abilities = await tasks.selfTest();
  const sandbox = abilities.backend === 'bare' ? 'none' : abilities.backend;
  if (abilities.backend === 'bare' && isUnsandboxedAllowed) {
    log('WARNING: tasks run without a sandbox, by rlimits only', { ...abilities });
  }
  const owner = new Owner({
    state,
    // It may have been carried to another network since it was enrolled.
    inventory: { ...inventory, sandbox, lan: readLan() },
    sandboxProblem: sandboxProblem(abilities, isUnsandboxedAllowed),
  });
  const agent = new Agent({ state, identity, keys, sandbox: tasks, owner });
  status = () => agent.status(sandbox);
  const end = new Promise<number>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(0));
    agent.onQuarantined = () => {
      log('quarantined', { reason: quarantineReason(identity.nodeId) });
      resolve(3);
    };
    agent.onReplaced = () => resolve(0);
    agent.onUnproved = () => resolve(1);
  });
  await agent.start();
  const code = await end;
  const deadline = setTimeout(() => process.exit(code), stopWithinMs);
  await agent.stop();
  clearTimeout(deadline);
  log('stopped', { code });
  return code;
}

function quarantineReason(nodeId: string): string {
  return `two agents have the identity of node ${nodeId} (is this folder a copy?). Both stop. Ask the operator to revoke it (punnet node revoke ${nodeId}), then enrol each node by itself: a new token, and an empty folder (--state)`;
}

function sandboxProblem(abilities: Abilities, isUnsandboxedAllowed: boolean): string | null {
  if (abilities.backend !== 'bare' || isUnsandboxedAllowed) return null;
  return `it has no sandbox: ${abilities.problems.at(-1) ?? 'nobody knows why'}`;
}
