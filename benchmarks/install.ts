// How long a donated Pi takes from the line that its owner pastes to its first finished task: a machine of
// namespaces with systemd and the shipped units, in a home behind NAT, over OpenVPN. No packages are fetched.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network } from '../lab/network.ts';
import { installLine } from '../scheduler/cli/install-line.ts';
import { OverlayRig } from '../test/integration/overlay-rig.ts';
import { until } from '../test/integration/rig.ts';
import { buildDebs, run } from '../test/tools/debs.ts';
import { SystemdMachine } from '../test/tools/systemd-machine.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { tellPhase } from './progress.ts';

const machines: Readonly<Record<Size, number>> = { full: 7, tiny: 1 };
const line = { downBps: 20_000_000, upBps: 4_000_000 };
/** What stands in for apt-get, which would find it installed: the package's files are there, and dpkg does its
 * work on them once more in a folder beside. */
const aptGet = `[ "$1" = install ] || exit 0
for deb; do :; done
exec dpkg --root=/tmp/beside --force-script-chrootless --force-depends -i "$deb"`;
const prepare = `set -e
mkdir -p /var/lib /dev/net /tmp/bin /tmp/beside/etc /tmp/beside/var/lib/dpkg/updates /tmp/beside/var/lib/dpkg/info
: >/tmp/beside/var/lib/dpkg/status
mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200
printf '#!/bin/sh\\n%s\\n' "$0" >/tmp/bin/apt-get
printf '#!/bin/sh\\nexec "$@"\\n' >/tmp/bin/sudo
chmod +x /tmp/bin/*`;

export const install: Benchmark = {
  name: 'install',
  about: 'one Pi from install.sh to its first finished task, in a lab, without package downloads',
  missing: () => Network.missing() ?? SystemdMachine.missing(),
  async run(size: Size): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'punnet-install-bench-'));
    try {
      tellPhase('the packages are built');
      const shipped = join(folder, 'shipped');
      const debs = await buildDebs(folder, '022');
      for (const deb of Object.values(debs)) await run('dpkg-deb', ['-x', deb, shipped]);
      return await measure(folder, shipped, machines[size]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, shipped: string, count: number): Promise<Outcome> {
  const homes = Array.from({ length: count }, (_, at) => `home${at}`);
  const scheduler = join(shipped, 'usr/share/punnet/scheduler/bin/punnet-scheduler.cjs');
  const specs = homes.map((name) => ({ name, nodes: 1, ...line }));
  const rig = await OverlayRig.start(['main=CORE:1194'], specs, { scheduler });
  const times: Times[] = [];
  try {
    for (const home of homes) {
      tellPhase(`${home}: a machine boots, and its owner pastes the line`);
      const space = rig.network.node(`${home}-1`);
      const at = { folder: join(folder, home), files: shipped, unit: 'basic.target', space };
      const machine = await SystemdMachine.boot(at);
      try {
        times.push(await donate(rig, machine, `first-at-${home}`));
      } finally {
        await machine.stop();
      }
    }
  } finally {
    await rig.stop();
  }
  return { figures: figuresOf(times), digest: `${times.length} tasks succeeded` };
}

/** Milliseconds from the moment when the line was pasted. */
interface Times {
  /** install.sh has done all that it does. */
  readonly installedMs: number;
  readonly finishedMs: number;
  /** The same line again, which changes nothing. */
  readonly againMs: number;
}

async function donate(rig: OverlayRig, machine: SystemdMachine, job: string): Promise<Times> {
  await until('it is up', async () => {
    const { code } = await machine.call('systemctl', 'is-active', 'basic.target');
    return code === 0 || undefined;
  });
  await sh(machine, prepare, aptGet);
  await rig.submitSleepers(job, 1, 0.1);
  const { url, secret } = await rig.nodeToken();
  const pasted = `cd /tmp && PATH=/tmp/bin:$PATH && ${installLine(url, secret)}`;
  const startMs = Date.now();
  await sh(machine, pasted);
  const installedMs = Date.now() - startMs;
  const endedMs = await until(`the end of ${job}`, () => endOf(rig, job)).catch(
    async (cause: unknown) => {
      const { out } = await machine.call('punnet-agent', 'doctor');
      throw new Error(`${job} has not ended; the machine's doctor says:\n${out}`, { cause });
    },
  );
  const finishedMs = endedMs - startMs;
  const againStartMs = Date.now();
  await sh(machine, pasted);
  const againMs = Date.now() - againStartMs;
  // The next one's task would wait for it.
  await sh(machine, 'punnet-agent leave');
  return { installedMs, finishedMs, againMs };
}

async function sh(machine: SystemdMachine, ...words: readonly string[]): Promise<void> {
  const { code, out, err } = await machine.call('sh', '-c', ...words);
  if (code !== 0) throw new Error(`${words[0]}: ${code}\n${out}${err}`);
}

/** When the job's task had succeeded, by the scheduler's clock; undefined: it has not yet. */
async function endOf(rig: OverlayRig, name: string): Promise<number | undefined> {
  // The CLI prints it as the contract says.
  const { jobs } = JSON.parse(await rig.punnet('--output', 'json', 'jobs')) as {
    readonly jobs: readonly {
      readonly spec: { readonly name: string };
      readonly state: string;
      readonly endedUnixMs: string;
    }[];
  };
  const job = jobs.find(({ spec }) => spec.name === name);
  if (job?.state === 'JOB_STATE_FAILED') throw new Error(`${name} has failed`);
  return job?.state === 'JOB_STATE_SUCCEEDED' ? Number(job.endedUnixMs) : undefined;
}

function figuresOf(times: readonly Times[]): Outcome['figures'] {
  const seconds = (of: (each: Times) => number): number[] => times.map((each) => of(each) / 1000);
  const baseline = { what: 'the same line again', values: seconds(({ againMs }) => againMs) };
  const row = (what: string, values: readonly number[]) => ({ what, unit: 's', values, baseline });
  return [
    row(
      'install.sh has enrolled it and started its units',
      seconds(({ installedMs }) => installedMs),
    ),
    {
      ...row(
        'its first task is finished',
        seconds(({ finishedMs }) => finishedMs),
      ),
      wanted: { atMost: 30 },
    },
  ];
}
