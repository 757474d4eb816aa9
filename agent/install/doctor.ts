// What is wrong with a node, and what to do about it: a judgement of each thing that was looked at. Pure;
// `examine.ts` looks.

import { amiss } from '../adapters/owner/texts.ts';
import type { Board, FederationReading, NodeReading } from './findings.ts';
import { days, judgeNode, leastMemoryBytes, megabytes, mostClockErrorMs } from './plan.ts';

export interface Readings {
  readonly board: Board;
  readonly memoryBytes: number;
  readonly node: NodeReading | null;
  readonly missingPackages: readonly string[];
  /** How tasks are held, as the agent tests it; `bare`: not at all. */
  readonly sandbox: { readonly backend: string; readonly problems: readonly string[] };
  readonly diskFreeBytes: number;
  /** The owner's. */
  readonly diskReserveBytes: number;
  /** null: the board does not say. */
  readonly isUnderVoltage: boolean | null;
  readonly temperatureC: number | null;
  readonly temperatureLimitC: number;
  /** What is wrong with limits.json; null: nothing. */
  readonly limitsProblem: string | null;
  readonly apt: AptReading;
  /** null: this machine is in no federation, and nothing below was looked at. */
  readonly enrolment: EnrolmentReadings | null;
}

export interface EnrolmentReadings {
  readonly nodeId: string;
  readonly host: string;
  /** Of the board that was enrolled, and of this one; null: it does not say. */
  readonly serials: { readonly enrolled: string | null; readonly here: string | null };
  /** null: the name was found. */
  readonly dnsError: string | null;
  readonly federation: FederationReading;
  /** What names a proxy on this machine. */
  readonly proxies: readonly string[];
  readonly tunnel: TunnelReading | null;
  /** null: the bus can be reached. */
  readonly natsError: string | null;
  readonly agent: AgentReading;
}

/** null where there is no overlay. */
export interface TunnelReading {
  readonly isUp: boolean;
  /** How its servers answer a first packet; `silent`: none came back. */
  readonly servers: readonly { readonly name: string; readonly answer: 'answered' | 'silent' }[];
}

export type AgentReading =
  | { readonly kind: 'running'; readonly says: string }
  | { readonly kind: 'stopped' }
  /** It ended because another agent has its identity. */
  | { readonly kind: 'cloned' };

/** How apt comes to its packages. */
export interface AptReading {
  /** Of the owner's limits; null: apt is to be left alone. */
  readonly port: number | null;
  /** Whether apt is told of the script, and whether that is there and asks at the port. */
  readonly isTold: boolean;
  readonly isScriptRight: boolean;
  readonly isListening: boolean;
}

/** As root sees it. */
export interface FirewallReading {
  readonly isLoaded: boolean;
  readonly isTunnelUp: boolean;
  readonly isSshOpen: boolean;
  /** By the owner. */
  readonly isSshAllowed: boolean;
}

export interface Check {
  readonly what: string;
  readonly state: 'good' | 'bad' | 'unknown';
  readonly found: string;
  /** Empty when it is good. */
  readonly wanted: string;
  readonly todo: string;
}

/** In the order in which one rests on the other. */
export function examine(readings: Readings): readonly Check[] {
  const { enrolment } = readings;
  const machine = [
    boardOf(readings),
    nodeOf(readings),
    programsOf(readings),
    sandboxOf(readings),
    diskOf(readings),
    heatOf(readings),
    powerOf(readings),
    limitsOf(readings),
    aptOf(readings),
  ];
  if (enrolment === null) {
    const todo = 'sudo punnet-agent install URL --token-file FILE, as its operator sent them.';
    return [...machine, bad('enrolment', ['a federation', 'none', todo])];
  }
  return [
    ...machine,
    cardOf(enrolment),
    dnsOf(enrolment),
    httpsOf(enrolment),
    clockOf(enrolment),
    ...(enrolment.tunnel === null ? [] : tunnelOf(enrolment, enrolment.tunnel)),
    natsOf(enrolment),
    agentOf(enrolment),
  ];
}

function good(what: string, found: string): Check {
  return { what, state: 'good', found, wanted: '', todo: '' };
}

type Words = readonly [wanted: string, found: string, todo: string];

function bad(what: string, [wanted, found, todo]: Words): Check {
  return { what, state: 'bad', found, wanted, todo };
}

function boardOf({ board, memoryBytes }: Readings): Check {
  const found = `${board.model}, ${board.architecture ?? 'unknown'}, ${megabytes(memoryBytes)}`;
  if (board.architecture === null) {
    return bad('board', ['ARMv6, ARMv7, ARM64 or x86-64', found, 'Use another board.']);
  }
  if (memoryBytes >= leastMemoryBytes) return good('board', found);
  const todo = 'Give the graphics less: gpu_mem=16 in /boot/firmware/config.txt.';
  return bad('board', [`${megabytes(leastMemoryBytes)} of memory`, found, todo]);
}

function nodeOf({ node }: Readings): Check {
  if (node === null) return good('Node.js', 'the one that runs this');
  const fault = judgeNode(node);
  if (fault === null) return good('Node.js', `${node.version} (${node.file})`);
  return bad('Node.js', [fault.wanted, fault.found, `${fault.todo}.`]);
}

function programsOf({ missingPackages }: Readings): Check {
  if (missingPackages.length === 0) return good('programs', 'all are here');
  const names = missingPackages.join(' ');
  return bad('programs', [names, 'not installed', `sudo apt-get install ${names}`]);
}

function sandboxOf({ sandbox }: Readings): Check {
  const { backend, problems } = sandbox;
  const last = problems.at(-1) ?? '';
  if (backend !== 'bare') {
    return good('sandbox', problems.length === 0 ? backend : `${backend} (${last})`);
  }
  const todo =
    'Install bubblewrap, and let users have namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone).';
  return bad('sandbox', ['one that holds tasks', `none: ${last}`, todo]);
}

function diskOf({ diskFreeBytes, diskReserveBytes }: Readings): Check {
  const found = `${megabytes(diskFreeBytes)} free`;
  if (diskFreeBytes >= diskReserveBytes) return good('disk', found);
  const wanted = `${megabytes(diskReserveBytes)}, the owner's reserve`;
  return bad('disk', [wanted, found, 'Make room (sudo apt-get clean helps), or lower cacheBytes.']);
}

function heatOf({ temperatureC, temperatureLimitC }: Readings): Check {
  if (temperatureC === null) return { ...good('heat', 'no sensor'), state: 'unknown' };
  const found = `${Math.round(temperatureC)} °C`;
  if (temperatureC <= temperatureLimitC) return good('heat', found);
  const wanted = `${temperatureLimitC} °C, the owner's limit`;
  return bad('heat', [wanted, found, 'Give the board air; tasks start again by themselves.']);
}

function powerOf({ isUnderVoltage }: Readings): Check {
  if (isUnderVoltage === null) {
    return { ...good('power', 'this board does not say'), state: 'unknown' };
  }
  if (!isUnderVoltage) return good('power', 'enough');
  const todo = 'Use the power supply that the board came with, and a short cable.';
  return bad('power', ['4.63 V or more', 'less', todo]);
}

function limitsOf({ limitsProblem }: Readings): Check {
  if (limitsProblem === null) return good('limits', 'no mistake in them');
  return bad('limits', ['limits.json without a mistake', limitsProblem, 'Mend the file.']);
}

function aptOf({ apt, enrolment }: Readings): Check {
  const { port, isTold, isScriptRight, isListening } = apt;
  const on = 'sudo punnet-agent limits --apt on';
  const off = 'sudo punnet-agent limits --apt off';
  if (isTold && !isScriptRight) {
    const todo = `apt may fail until then: ${port === null ? off : on}`;
    return bad('apt', ['the script that apt is told of', 'none, or another', todo]);
  }
  if (port === null) {
    if (!isTold) return good('apt', 'is left alone');
    return bad('apt', ['apt left alone, as your limits say', 'that it asks the agent', off]);
  }
  if (!isTold) return bad('apt', ['packages through the site', 'that apt is not told so', on]);
  if (isListening) return good('apt', `asks the agent for packages, at port ${port}`);
  const isRunning = enrolment?.agent.kind === 'running';
  const todo = isRunning
    ? 'sudo punnet-agent status says why; until then apt asks its mirrors itself.'
    : 'See whether the agent runs, below; until then apt asks its mirrors itself.';
  return bad('apt', [`the agent at port ${port}`, 'nobody', todo]);
}

function cardOf({ nodeId, serials: { enrolled, here } }: EnrolmentReadings): Check {
  if (enrolled === null || here === null) {
    return { ...good('SD card', 'this board has no number'), state: 'unknown' };
  }
  if (enrolled === here) return good('SD card', `of this board, node ${nodeId}`);
  const todo = `If the card was copied, and the other Pi still runs: sudo punnet-agent leave --only-here, then enrol again with a new token. If it was moved here: sudo punnet-agent leave, then enrol again with a new token (punnet-agent install).`;
  return bad('SD card', [`the board that was enrolled as ${nodeId}`, `another (${here})`, todo]);
}

function dnsOf({ host, dnsError }: EnrolmentReadings): Check {
  if (dnsError === null) return good('DNS', `${host} is known`);
  const todo = 'Is the network cable in, and does the router name a DNS server (/etc/resolv.conf)?';
  return bad('DNS', [`the address of ${host}`, dnsError, todo]);
}

function httpsOf({ host, federation, proxies }: EnrolmentReadings): Check {
  if (federation.kind === 'silent') {
    const todo =
      proxies.length === 0
        ? 'A firewall may let it not pass: ask for TCP to this host and port.'
        : `This network has a proxy (${proxies.join(', ')}), which the agent does not use: ask for a way past it to this host and port.`;
    return bad('federation', [`an answer of ${host}`, federation.error, todo]);
  }
  const { isPinned, issuer } = federation;
  if (isPinned) return good('federation', `${host} answers, with its own certificate`);
  const todo = 'A proxy or a virus scanner opens TLS on the way: have it let this host pass.';
  return bad('federation', ["the federation's certificate", `one of "${issuer}"`, todo]);
}

function clockOf({ federation }: EnrolmentReadings): Check {
  if (federation.kind === 'silent') {
    return { ...good('clock', 'nobody to compare it with'), state: 'unknown' };
  }
  const { aheadMs } = federation;
  if (Math.abs(aheadMs) <= mostClockErrorMs) return good('clock', 'right to the day');
  return bad('clock', ['right to the day', days(aheadMs), 'sudo timedatectl set-ntp true']);
}

function tunnelOf({ federation }: EnrolmentReadings, tunnel: TunnelReading): readonly Check[] {
  const names = tunnel.servers.map(({ name }) => name).join(', ');
  const isAnswered = tunnel.servers.some(({ answer }) => answer === 'answered');
  const way =
    tunnel.isUp || isAnswered
      ? good('way to the tunnel', names)
      : bad('way to the tunnel', [`an answer of ${names}`, 'none', wayTodo(federation)]);
  if (tunnel.isUp) return [way, good('tunnel', 'up')];
  const todo = isAnswered
    ? 'Its server answers: journalctl -u punnet-overlay says what it does not like; sudo systemctl restart punnet-overlay.'
    : 'See the line above.';
  return [way, bad('tunnel', ['the device punnet with an address', 'none', todo])];
}

function wayTodo(federation: FederationReading): string {
  return federation.kind === 'answered'
    ? 'The rest of the federation answers, so this network lets no UDP out to it: ask for UDP to this port, or the operator for a server on TCP 443.'
    : 'The federation does not answer at all: see above.';
}

/** What closes the tunnel to all but answers. */
export function judgeFirewall(found: FirewallReading): Check {
  const { isLoaded, isTunnelUp, isSshOpen, isSshAllowed } = found;
  if (!isLoaded && !isTunnelUp) {
    return { ...good('firewall', 'it comes with the tunnel'), state: 'unknown' };
  }
  const again = 'sudo systemctl restart punnet-firewall';
  if (!isLoaded) {
    const todo = `${again}. Something removed it, as nft flush ruleset does: find out what, or it happens again.`;
    return bad('firewall', ['rules that close the tunnel to all but answers', 'none', todo]);
  }
  const text = (isOpen: boolean): string => `ssh ${isOpen ? 'open' : 'closed'}`;
  if (isSshOpen === isSshAllowed) {
    return good('firewall', `closes the tunnel to all but answers, ${text(isSshOpen)}`);
  }
  return bad('firewall', [`${text(isSshAllowed)}, as you said`, text(isSshOpen), `${again}.`]);
}

function natsOf({ natsError, tunnel, agent }: EnrolmentReadings): Check {
  if (natsError === null) return good('bus', 'answers');
  const todo =
    tunnel?.isUp === false
      ? 'It is reached through the tunnel: see above.'
      : 'Is the scheduler up? The agent tries again by itself.';
  // The agent's own connection is proof enough.
  if (agent.kind === 'running' && agent.says.includes(': connected.'))
    return good('bus', 'answers');
  return bad('bus', ['an answer of nats-server', natsError, todo]);
}

function agentOf({ agent, nodeId }: EnrolmentReadings): Check {
  switch (agent.kind) {
    case 'running': {
      const wrong = agent.says.split('\n').filter((line) => line.startsWith(amiss));
      if (wrong.length === 0) return good('agent', agent.says);
      const found = wrong.map((line) => line.slice(amiss.length)).join(' ');
      return bad('agent', ['nothing amiss', found, 'sudo punnet-agent status says the rest.']);
    }
    case 'stopped': {
      const todo =
        'sudo systemctl start punnet-agent; journalctl -u punnet-agent says why it ended.';
      return bad('agent', ['one that runs', 'none', todo]);
    }
    case 'cloned': {
      const todo = `This card was copied: sudo punnet-agent leave --only-here on the copy, then enrol again with a new token; the operator revokes the old one (punnet node revoke ${nodeId}).`;
      return bad('agent', ['one agent with this identity', 'two', todo]);
    }
  }
}

/** A line for each thing, two more for what is wrong. */
export function checksText(checks: readonly Check[]): string {
  const marks = { good: 'ok', bad: 'WRONG', unknown: '?' };
  return checks
    .map(({ what, state, found, wanted, todo }) => {
      const line = `${marks[state].padEnd(6)} ${what.padEnd(18)} ${found.replaceAll('\n', ' ')}`;
      return state === 'bad' ? `${line}\n       wanted: ${wanted}\n       ${todo}` : line;
    })
    .join('\n');
}
