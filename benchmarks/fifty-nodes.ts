// How long it takes until fifty nodes at ten homes behind NAT are enrolled, have their tunnels, and
// compute: real agents and OpenVPN clients in a lab of namespaces, all on this machine.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import PQueue from 'p-queue';
import { Network } from '../lab/network.ts';
import { OverlayRig } from '../test/integration/overlay-rig.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { follow, tellPhase } from './progress.ts';

interface Scale {
  readonly homes: number;
  readonly nodesOfHome: number;
}

const scales: Readonly<Record<Size, Scale>> = {
  full: { homes: 10, nodesOfHome: 5 },
  tiny: { homes: 2, nodesOfHome: 1 },
};
const line = { downBps: 20_000_000, upBps: 4_000_000 };
/** More at once take no less time: the machine has two cores. */
const atOnce = 6;
/** Longer than the others need until each has a task. */
const taskSeconds = 120;
const job = 'sleepers';

export const fiftyNodes: Benchmark = {
  name: 'fifty-nodes',
  about: 'fifty nodes at ten homes, from their tokens to a running task each, over OpenVPN',
  missing: () => Network.missing(),
  async run(size: Size): Promise<Outcome> {
    const { homes, nodesOfHome } = scales[size];
    const sites = Array.from({ length: homes }, (_, at) => `home${at}`);
    const specs = sites.map((name) => ({ name, nodes: nodesOfHome, ...line }));
    const rig = await OverlayRig.start(['main=CORE:1194'], specs);
    try {
      const names = sites.flatMap((site) =>
        Array.from({ length: nodesOfHome }, (_, at) => `${site}-${at + 1}`),
      );
      const bare = await bareSeconds(names.length);
      // Those that come early have tasks behind the one that runs.
      await rig.submitSleepers(job, 4 * names.length, taskSeconds);
      const startMs = performance.now();
      tellPhase(`${names.length} nodes enrol`);
      const token = await rig.nodeToken(names.length);
      await allOf(names.map((name) => () => rig.join(name, token)));
      const enrolled = (performance.now() - startMs) / 1000;
      tellPhase('each gets a task');
      await follow({
        what: 'tasks that run',
        look: async () => ({ count: await running(rig) }),
        isOver: ({ count }) => count >= names.length,
      });
      const working = (performance.now() - startMs) / 1000;
      return { figures: figuresOf({ enrolled, working, bare }), digest: `${names.length} run` };
    } finally {
      await rig.stop();
    }
  },
};

async function running(rig: OverlayRig): Promise<number> {
  const text = await rig.punnet('--output', 'json', 'tasks', job, '--state', 'running');
  return (JSON.parse(text) as { readonly tasks: readonly unknown[] }).tasks.length;
}

/** What cannot be less: an agent that enrols and one that runs, as Node.js processes that do nothing. */
async function bareSeconds(nodes: number): Promise<number> {
  const startMs = performance.now();
  const run = promisify(execFile);
  const start = (): Promise<unknown> => run(process.execPath, ['-e', '0']);
  await allOf(Array.from({ length: 2 * nodes }, () => start));
  return (performance.now() - startMs) / 1000;
}

async function allOf(tasks: readonly (() => Promise<unknown>)[]): Promise<void> {
  await new PQueue({ concurrency: atOnce }).addAll(tasks);
}

function figuresOf(seconds: {
  readonly enrolled: number;
  readonly working: number;
  readonly bare: number;
}): Outcome['figures'] {
  const baseline = { what: 'two bare Node.js processes each', values: [seconds.bare] };
  const row = (what: string, value: number) => ({ what, unit: 's', values: [value], baseline });
  return [
    row('all enrolled, with their tunnels', seconds.enrolled),
    { ...row('all with a running task', seconds.working), wanted: { atMost: 90 } },
  ];
}
