// `punnet-agent install` and `leave`: what a volunteer types, as root.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fingerprintOf } from '../adapters/enrol/enrol.ts';
import { AgentError, type StateFolder } from '../adapters/state/state-folder.ts';
import { withLimit } from '../adapters/owner/texts.ts';
import { writeDurably } from '../adapters/state/durable.ts';
import { applyPlan } from './apply.ts';
import { askAgent, askNobody, choosePort } from './apt.ts';
import { askFederation } from './ask-federation.ts';
import type { Check } from './doctor.ts';
import { checksText, examine, judgeFirewall } from './doctor.ts';
import { lookAt } from './examine.ts';
import { readFirewall } from './firewall.ts';
import { leave } from './leave.ts';
import { lookAround } from './look-around.ts';
import { ownerOf, runAs } from './owner-of.ts';
import { planInstall } from './plan.ts';
import { planText } from './texts.ts';

export interface InstallWords {
  readonly state: StateFolder;
  readonly url: string | undefined;
  /** undefined: none was given. */
  readonly token: string | undefined;
  readonly name: string | undefined;
  readonly isDryRun: boolean;
  readonly isAptWanted: boolean;
}

type Print = (line: string) => unknown;

/** Prints the plan, and does it. Returns the exit code: 0, or 1 where it is refused. */
export async function install(words: InstallWords, print: Print): Promise<number> {
  const { state, url = '', token = '', name, isDryRun, isAptWanted } = words;
  const before = lookAround(state, null);
  const isNew = before.enrolled === null;
  if (isNew && (url === '' || token === '')) {
    throw new AgentError(
      'install wants an address and a token: punnet-agent install URL --token-file FILE, as the operator sent them.',
    );
  }
  const found = isNew
    ? { ...before, federation: await askFederation(httpsUrl(url), fingerprintOf(token)) }
    : before;
  const plan = planInstall(found, { url, stateFolder: state.path, isAptWanted });
  print(planText(found, plan));
  if (plan.kind === 'refused') return 1;
  if (isDryRun || plan.steps.length === 0) return 0;
  const program = process.argv[1] ?? '';
  applyPlan({ steps: plan.steps, stateFolder: state.path, program, token, name }, print);
  print(found.hasUnits ? nextWords : `Start it: punnet-agent run --state ${state.path}`);
  return 0;
}

const nextWords =
  'Done. What it does: sudo punnet-agent status. If something is wrong: sudo punnet-agent doctor.';

function httpsUrl(text: string): string {
  if (/^https:\/\/[\w.:[\]-]+\/?$/.test(text)) return text;
  throw new AgentError(`${text} is no address to enrol at: wanted https://HOST:PORT.`);
}

/** Prints what is wrong. Returns the exit code: 1 when anything is. */
export async function doctor(state: StateFolder, print: Print): Promise<number> {
  const owner = ownerOf(state.path);
  const code =
    owner === null
      ? printChecks(examine(await lookAt(state)), print)
      : runAs(owner, ['doctor', '--state', state.path]);
  // Only root sees the kernel's rules.
  if (process.getuid?.() !== 0 || !existsSync(state.file('overlay/client.conf'))) return code;
  return Math.max(code, printChecks([judgeFirewall(readFirewall())], print));
}

function printChecks(checks: readonly Check[], print: Print): number {
  print(checksText(checks));
  return checks.some((check) => check.state === 'bad') ? 1 : 0;
}

/** Stops the services, and has the folder's own user do the rest. */
export async function leaveFederation(
  state: StateFolder,
  isOnlyHere: boolean,
  print: Print,
): Promise<number> {
  const owner = state.isThere ? ownerOf(state.path) : null;
  // Only root told apt of the agent.
  if (process.getuid?.() === 0) askNobody();
  if (owner === null) {
    print(await leave(state, isOnlyHere));
    return 0;
  }
  systemctl('stop', 'punnet-agent.service');
  const more = isOnlyHere ? ['--only-here'] : [];
  const code = runAs(owner, ['leave', '--state', state.path, ...more]);
  // The word that it leaves went through the tunnel.
  if (code === 0) systemctl('stop', 'punnet-overlay.service');
  return code;
}

/** Has apt ask the agent, or not any more: files of root's, and the limit, which is the folder's own user's. */
export async function setApt(state: StateFolder, word: string, print: Print): Promise<number> {
  if (word !== 'on' && word !== 'off') throw new AgentError('--apt wants on or off.');
  if (process.getuid?.() !== 0) throw new AgentError('Only root can tell apt so: use sudo.');
  if (!state.isThere) throw new AgentError(`${state.path} is not there: enrol this node first.`);
  const owner = ownerOf(state.path);
  const set = (port: number | null): void => {
    const code =
      owner === null
        ? writeAptPort(state, port)
        : runAs(owner, ['limits', '--apt', String(port ?? 'none'), '--state', state.path]);
    if (code === 0) return;
    askNobody();
    throw new AgentError('The limits were not changed: apt asks its mirrors itself.');
  };
  if (word === 'off') {
    askNobody();
    set(null);
    print('apt asks its mirrors itself, as it did before.');
    return 0;
  }
  const port = await choosePort();
  // Until the agent listens there the script says that there is no proxy.
  askAgent(port);
  set(port);
  print(
    `apt asks the agent for packages, at port ${port} of this machine: each crosses your line once for all Pis of the site that do so. Its signatures hold as ever, and without the agent it asks its mirrors itself. To undo it: sudo punnet-agent limits --apt off`,
  );
  return 0;
}

/** As the folder's own user: null leaves apt alone. */
export function writeAptPort(state: StateFolder, aptPort: number | null): number {
  const file = state.file('limits.json');
  writeDurably(file, withLimit(file, { aptPort }));
  return 0;
}

function systemctl(...words: readonly string[]): void {
  // Without systemd nothing of it runs.
  spawnSync('systemctl', words, { stdio: 'ignore' });
}
