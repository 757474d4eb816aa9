#!/usr/bin/env node
// `punnet-agent`: what a volunteer's node runs. The same file in mode `shim` watches one task.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Inventory } from '../proto/gen/punnet/v1/node.ts';
import { Inventory as InventoryMessage } from '../proto/gen/punnet/v1/node.ts';
import { readLan } from './adapters/probe/lan.ts';
import { readLimits } from './adapters/owner/limits.ts';
import { AgentError, StateFolder, writeDurably } from './adapters/state/state-folder.ts';
import { readFlags, usage, version } from './config.ts';

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'shim' && args[1] !== undefined) {
    // Loaded alone: a task's start waits for it.
    const { runShim } = await import('./adapters/sandbox/shim.ts');
    await runShim(args[1]);
    return 0;
  }
  const flags = readFlags(args);
  if (flags.wantsVersion) return print(version);
  const [command, ...words] = flags.words;
  if (flags.wantsHelp || command === undefined) return print(usage);
  const state = new StateFolder(flags.stateFolder);
  switch (command) {
    case 'enrol': {
      const [url, token] = words;
      if (url === undefined || token === undefined) {
        throw new AgentError(`enrol wants an address and a token.\n\n${usage}`);
      }
      const name = flags.name ?? hostname();
      const inventory = (): Promise<Inventory> => takeStock(state);
      const { enrol } = await import('./adapters/enrol/enrol.ts');
      return print(await enrol({ url, token, name, state, inventory }));
    }
    case 'run': {
      const { run } = await import('./run.ts');
      return run(state, readStock(state), flags.isUnsandboxedAllowed);
    }
    case 'status':
      return print(statusOf(state));
    case 'pause':
      return setPaused(state, true);
    case 'resume':
      return setPaused(state, false);
    case 'limits':
      return print(
        `${state.file('limits.json')}:\n${JSON.stringify(readLimits(state.file('limits.json')), null, 2)}`,
      );
    default:
      throw new AgentError(`There is no command ${command}.\n\n${usage}`);
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Measures this node, once: systeminformation starts many processes, the kernels take seconds. */
async function takeStock(state: StateFolder): Promise<Inventory> {
  const { takeInventory } = await import('./adapters/probe/inventory.ts');
  const { measureSpeed } = await import('./adapters/probe/speed.ts');
  const found = await takeInventory(state.path);
  const inventory: Inventory = {
    architecture: found.architecture,
    userland: found.abi,
    model: found.model,
    slots: found.slotCount,
    speedGhz: measureSpeed().gigahertz,
    memoryBytes: found.memoryBytes,
    diskBytes: found.diskBytes,
    agentVersion: version,
    sandbox: '',
    nodeVersion: process.versions.node,
    lan: readLan(),
  };
  writeDurably(state.file('inventory.json'), JSON.stringify(inventory));
  return inventory;
}

function readStock(state: StateFolder): Inventory {
  try {
    // Written by takeStock, whole or not at all.
    const text = readFileSync(state.file('inventory.json'), 'utf8');
    return { ...InventoryMessage.create(), ...(JSON.parse(text) as Inventory) };
  } catch {
    throw new AgentError(
      `${state.path} holds no inventory: enrol this node first (punnet-agent enrol URL TOKEN).`,
    );
  }
}

function statusOf(state: StateFolder): string {
  const identity = state.readIdentity();
  if (identity === null) return 'Not enrolled.';
  const { isPaused } = readLimits(state.file('limits.json'));
  return `Node ${identity.nodeId} of ${identity.federation}, site ${identity.siteId}${isPaused ? ', paused' : ''}.`;
}

function setPaused(state: StateFolder, isPaused: boolean): number {
  const file = state.file('limits.json');
  readLimits(file);
  let before: Record<string, unknown> = {};
  try {
    // readLimits has just checked it.
    before = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch {
    // There was none.
  }
  writeDurably(file, `${JSON.stringify({ ...before, isPaused }, null, 2)}\n`);
  return print(isPaused ? 'Paused: no task starts. Running tasks end.' : 'Goes on.');
}

main(process.argv.slice(2))
  .then((code) => {
    process.exitCode = code;
    // What a library keeps open must not keep a shim or a stopped agent alive.
    if (process.argv[2] === 'shim' || process.argv[2] === 'run') process.exit();
  })
  .catch((error: unknown) => {
    const isMistake = error instanceof AgentError || (error as Error).name === 'LimitsError';
    const text =
      error instanceof Error && !isMistake
        ? (error.stack ?? error.message)
        : String((error as Error).message);
    process.stderr.write(`punnet-agent: ${text}\n`);
    process.exit(isMistake ? 2 : 1);
  });
