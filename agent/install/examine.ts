// Looks at a node for `punnet-agent doctor`. Changes nothing, and needs no agent that runs.

import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { readLimits, defaultLimits } from '../adapters/owner/limits.ts';
import { readSerial } from '../adapters/probe/inventory.ts';
import { isUnderVoltage } from '../adapters/probe/power.ts';
import { memoryBytes, readStatus } from '../adapters/probe/status.ts';
import { testAbilities } from '../adapters/sandbox/self-test.ts';
import type { Identity, StateFolder } from '../adapters/state/state-folder.ts';
import { readApt } from './apt.ts';
import { askFederation } from './ask-federation.ts';
import type { AgentReading, EnrolmentReadings, Readings, TunnelReading } from './doctor.ts';
import { board, missingPackages, readNode } from './look-around.ts';
import { readProxies } from './proxies.ts';
import { isAnswering, isListening, remotesOf } from './tunnel-probe.ts';

/** The device of the tunnel, as the profile names it. */
const device = 'punnet';
/** How the agent ends when another one has its identity. */
const clonedStatus = '3';

export async function lookAt(state: StateFolder): Promise<Readings> {
  const identity = state.isThere ? state.readIdentity() : null;
  const at = state.isThere ? state.path : '/var/lib';
  const { diskAvailableBytes, temperatureCelsius } = readStatus(at);
  const { limits, problem } = limitsIn(state);
  return {
    board: board(),
    memoryBytes: memoryBytes('MemTotal'),
    node: readNode(),
    missingPackages: missingPackages(),
    sandbox: await sandboxIn(state),
    diskFreeBytes: diskAvailableBytes,
    diskReserveBytes: limits.diskReserveBytes,
    isUnderVoltage: isUnderVoltage(),
    temperatureC: temperatureCelsius,
    temperatureLimitC: limits.temperatureC,
    limitsProblem: problem,
    apt: await readApt(limits.aptPort),
    enrolment: identity === null ? null : await lookAtEnrolment(state, identity),
  };
}

async function sandboxIn(state: StateFolder): Promise<Readings['sandbox']> {
  const folder = state.file('attempts');
  try {
    return await testAbilities(existsSync(folder) ? folder : '/tmp');
  } catch (error) {
    return { backend: 'bare', problems: [(error as Error).message] };
  }
}

function limitsIn(state: StateFolder) {
  try {
    return { limits: readLimits(state.file('limits.json')), problem: null };
  } catch (error) {
    return { limits: defaultLimits, problem: (error as Error).message };
  }
}

async function lookAtEnrolment(state: StateFolder, identity: Identity): Promise<EnrolmentReadings> {
  const { nodeId, httpsUrl, natsUrls, caPem } = identity;
  const { hostname } = new URL(httpsUrl);
  const host = hostname.replaceAll(/[[\]]/g, '');
  const fingerprint = new X509Certificate(caPem).fingerprint256.replaceAll(':', '').toLowerCase();
  const [dnsError, federation, tunnel, natsError, agent] = await Promise.all([
    lookup(host).then(
      () => null,
      (error: Error) => error.message,
    ),
    askFederation(httpsUrl, fingerprint),
    lookAtTunnel(state),
    natsErrorOf(natsUrls),
    lookAtAgent(state),
  ]);
  return {
    ...{ nodeId, host, dnsError, federation, tunnel, natsError, agent },
    serials: { enrolled: state.readBoardSerial(), here: readSerial() },
    proxies: readProxies(),
  };
}

async function lookAtTunnel(state: StateFolder): Promise<TunnelReading | null> {
  const profile = state.file('overlay/client.conf');
  if (!existsSync(profile)) return null;
  const keyFile = readFileSync(state.file('overlay/tls-crypt.key'), 'latin1');
  const remotes = remotesOf(readFileSync(profile, 'utf8'));
  const servers = remotes.map(async (remote) => ({
    name: `${remote.host}:${remote.port}/${remote.isTcp ? 'tcp' : 'udp'}`,
    answer: (await isAnswering(remote, keyFile)) ? ('answered' as const) : ('silent' as const),
  }));
  const isUp = networkInterfaces()[device]?.some(({ scopeid }) => scopeid === 0) ?? false;
  return { isUp, servers: await Promise.all(servers) };
}

/** One that answers is enough. */
async function natsErrorOf(urls: readonly string[]): Promise<string | null> {
  for (const url of urls) {
    const { hostname, port } = new URL(url);
    const remote = { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) };
    if (await isListening(remote)) return null;
  }
  return `none of ${urls.join(', ')}`;
}

async function lookAtAgent(state: StateFolder): Promise<AgentReading> {
  const says = await state.askStatus();
  if (says !== null) return { kind: 'running', says };
  const words = ['show', '--value', '--property=ExecMainStatus', 'punnet-agent.service'];
  const { stdout } = spawnSync('systemctl', words, { encoding: 'utf8' });
  return { kind: stdout?.trim() === clonedStatus ? 'cloned' : 'stopped' };
}
