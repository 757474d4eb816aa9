#!/usr/bin/env node
// `punnet-agent`: what a volunteer's node runs. The same file in mode `shim` watches one task.

import { existsSync, readFileSync } from 'node:fs';
import * as net from 'node:net';
import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import type { Inventory } from '../proto/gen/punnet/v1/node.ts';
import { Inventory as InventoryMessage } from '../proto/gen/punnet/v1/node.ts';
import { readLan } from './adapters/probe/lan.ts';
import { changeHousehold } from './adapters/owner/household.ts';
import type { LimitWords } from './adapters/owner/change-limits.ts';
import { changeLimits } from './adapters/owner/change-limits.ts';
import { LimitsError } from './adapters/owner/limits.ts';
import { limitsText, nameOf, withLimit } from './adapters/owner/texts.ts';
import { writeDurably } from './adapters/state/durable.ts';
import { canChangeUser } from './adapters/sandbox/task-user.ts';
import { AgentError, StateFolder } from './adapters/state/state-folder.ts';
import type { Flags } from './config.ts';
import { readFlags, usage, version } from './config.ts';
import type { User } from './install/owner-of.ts';
import { ownerOf, runAs } from './install/owner-of.ts';

const commands: ReadonlySet<string> = new Set([
  ...['run', 'status', 'pause', 'resume', 'limits', 'household'],
]);
/** What root does itself, whoever the folder belongs to. */
const rootsCommands: ReadonlySet<string> = new Set(['install', 'leave', 'ssh', 'doctor']);
/** Node.js 20 gives each address of a host a quarter of a second, and never tries one again: a satellite's line takes
 * longer, and where the other address is IPv6 that leads nowhere a node was told that nobody is there (nodejs/node#54359). */
const addressMs = 5_000;
const enrolFirst = 'enrol this node first (punnet-agent enrol URL TOKEN), or name its --state.';

async function main(args: readonly string[]): Promise<number> {
  // Not in Node.js before 18.18, which tries one address alone.
  if ('setDefaultAutoSelectFamilyAttemptTimeout' in net) {
    net.setDefaultAutoSelectFamilyAttemptTimeout(addressMs);
  }
  if (args[0] === 'shim') {
    // Loaded alone, and before it has work: a task's start waits for it.
    const { runShim } = await import('./adapters/sandbox/shim.ts');
    await runShim();
    return 0;
  }
  const flags = readFlags(args);
  if (flags.wantsVersion) return print(version);
  const [command, ...words] = flags.words;
  if (flags.wantsHelp || command === undefined) return print(usage);
  const state = new StateFolder(flags.stateFolder);
  const isRoots = command === 'limits' && (flags.apt === 'on' || flags.apt === 'off');
  if (isRoots || rootsCommands.has(command)) return asRoot(command, words, flags);
  const owner = ownerOf(state.path);
  if (owner !== null) return actAs(owner, args, flags);
  if (command === 'enrol') state.create();
  else if (!state.isThere && commands.has(command)) {
    throw new AgentError(`${state.path} is not there: ${enrolFirst}`);
  }
  if (canChangeUser && (command === 'enrol' || command === 'run')) state.checkReachable();
  switch (command) {
    case 'enrol': {
      const [url] = words;
      const token = tokenOf(words, flags);
      if (url === undefined || token === undefined) {
        throw new AgentError(`enrol wants an address and a token.\n\n${usage}`);
      }
      const name = flags.name ?? hostname();
      const inventory = (): Promise<Inventory> => takeStockOnce(state);
      const { enrol } = await import('./adapters/enrol/enrol.ts');
      return print(await enrol({ url, token, name, state, inventory }));
    }
    case 'run': {
      // An idle agent has nothing that is worth compiling well: this saves an owner 6 MB.
      setFlagsFromString('--no-opt');
      // Code that ran once, at the start or for one task, goes with the next collection: another MB.
      setFlagsFromString('--stress-flush-code');
      const { run } = await import('./run.ts');
      return run(state, readStock(state), flags.isUnsandboxedAllowed);
    }
    case 'status':
      return print(await statusOf(state));
    case 'pause':
      return setPaused(state, true);
    case 'resume':
      return setPaused(state, false);
    case 'household':
      return setHousehold(state, words[0]);
    case 'limits':
      if (flags.apt !== undefined) return setAptPort(state, flags.apt);
      return showLimits(state, flags);
    default:
      throw new AgentError(`There is no command ${command}.\n\n${usage}`);
  }
}

async function asRoot(command: string, words: readonly string[], flags: Flags): Promise<number> {
  const tasks = await import('./install/commands.ts');
  const state = new StateFolder(flags.stateFolder);
  if (command === 'ssh') {
    const { setSsh } = await import('./install/firewall.ts');
    return setSsh(words[0], print);
  }
  if (command === 'doctor') return tasks.doctor(state, print);
  if (command === 'leave') return tasks.leaveFederation(state, flags.isOnlyHere, print);
  if (command === 'limits') {
    if ([flags.lan, flags.uplinkShare, flags.internet].every((each) => each === undefined)) {
      return tasks.setApt(state, flags.apt ?? '', print);
    }
    throw new AgentError('--apt wants to stand alone: give the other limits in a second command.');
  }
  const { name, isDryRun } = flags;
  const isAptWanted = flags.apt === 'on';
  return tasks.install(
    { state, url: words[0], token: tokenOf(words, flags), name, isDryRun, isAptWanted },
    print,
  );
}

/** What root asks of a node whose files belong to another user: that user does it. */
function actAs(owner: User, args: readonly string[], flags: Flags): number {
  const { tokenFile, words, stateFolder } = flags;
  if (words[0] === 'run') {
    throw new AgentError(
      `${stateFolder} belongs to another user, as which its agent runs: systemctl start punnet-agent.`,
    );
  }
  // That user may not read the file.
  if (tokenFile === undefined || tokenFile === '-') return runAs(owner, args);
  const others = args.filter((word) => !word.startsWith('--token-file') && word !== tokenFile);
  return runAs(owner, [...others, '--token-file', '-'], readToken(tokenFile));
}

function tokenOf(words: readonly string[], { tokenFile }: Flags): string | undefined {
  return tokenFile === undefined ? words[1] : readToken(tokenFile);
}

/** Whoever is on this machine sees the words of a command; a file has a mode. */
function readToken(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch (error) {
    throw new AgentError(
      `--token-file: wanted a file with a token, found that ${file} cannot be read (${(error as Error).message}).`,
    );
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Measures this node, once: systeminformation starts many processes, the kernels take seconds. */
async function takeStock(state: StateFolder): Promise<Inventory> {
  const { readSerial, takeInventory } = await import('./adapters/probe/inventory.ts');
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
  state.writeBoardSerial(readSerial());
  writeDurably(state.file('inventory.json'), JSON.stringify(inventory));
  return inventory;
}

/** An enrolment that was refused, or whose answer was lost, measured already. */
async function takeStockOnce(state: StateFolder): Promise<Inventory> {
  const isTaken = existsSync(state.file('inventory.json'));
  const before = isTaken ? readStock(state) : undefined;
  return before?.agentVersion === version ? before : takeStock(state);
}

function readStock(state: StateFolder): Inventory {
  try {
    // Written by takeStock, whole or not at all.
    const text = readFileSync(state.file('inventory.json'), 'utf8');
    return { ...InventoryMessage.create(), ...(JSON.parse(text) as Inventory) };
  } catch {
    throw new AgentError(`${state.path} holds no inventory: ${enrolFirst}`);
  }
}

async function statusOf(state: StateFolder): Promise<string> {
  const identity = state.readIdentity();
  if (identity === null) return 'Not enrolled.';
  const running = await state.askStatus();
  return running ?? `${nameOf(identity)}: its agent does not run (start it: punnet-agent run).`;
}

function setPaused(state: StateFolder, isPaused: boolean): number {
  const file = state.file('limits.json');
  writeDurably(file, withLimit(file, { isPaused }));
  return print(
    isPaused
      ? 'Paused: no task starts. Those that run stand still, and go back in ten minutes.'
      : 'Goes on.',
  );
}

function showLimits(state: StateFolder, words: LimitWords): number {
  const file = state.file('limits.json');
  const text = changeLimits(file, words);
  if (text !== null) writeDurably(file, text);
  return print(limitsText(file));
}

/** Root has told apt of it. */
async function setAptPort(state: StateFolder, word: string): Promise<number> {
  const port = word === 'none' ? null : Number(word);
  if (Number.isNaN(port)) throw new AgentError('--apt wants on or off.');
  const { writeAptPort } = await import('./install/commands.ts');
  return writeAptPort(state, port);
}

function setHousehold(state: StateFolder, word: string | undefined): number {
  const file = state.file('limits.json');
  const { text, said } = changeHousehold(file, word);
  if (text !== null) writeDurably(file, text);
  return print(said);
}

main(process.argv.slice(2))
  .then((code) => {
    process.exitCode = code;
    // What a library keeps open must not keep a shim or a stopped agent alive.
    if (process.argv[2] === 'shim' || process.argv[2] === 'run') process.exit();
  })
  .catch((error: unknown) => {
    const isMistake = error instanceof AgentError || error instanceof LimitsError;
    process.stderr.write(`punnet-agent: ${wordsFor(error, isMistake)}\n`);
    process.exit(isMistake ? 2 : 1);
  });

function wordsFor(error: unknown, isMistake: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOSPC') {
    return `the disk is full (${error.message}): make room on it, then do it again. Nothing that was there is lost.`;
  }
  return isMistake ? error.message : (error.stack ?? error.message);
}
