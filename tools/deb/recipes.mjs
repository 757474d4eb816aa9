// What the packages for Debian are made of.

import { filesBeside, forAgent, forNode20 } from '../bundle.mjs';

const share = 'usr/share/punnet';
const schedulerBin = `${share}/scheduler/bin`;
const agentProgram = 'usr/share/punnet-agent/punnet-agent.cjs';
const examples = 'usr/share/doc/punnet-scheduler/examples';

export const agent = {
  name: 'punnet-agent',
  bundles: [{ entry: 'agent/main.ts', file: agentProgram, options: forAgent }],
  programs: [['punnet-agent', agentProgram]],
  copies: [
    ['deploy/debian/punnet-agent/firewall.nft', 'usr/share/punnet-agent/firewall.nft'],
    ['deploy/debian/punnet-agent/load-firewall.sh', 'usr/share/punnet-agent/load-firewall.sh'],
    ['deploy/debian/punnet-agent/start-agent.sh', 'usr/share/punnet-agent/start-agent.sh'],
    [
      'deploy/debian/punnet-agent/nftables.conf',
      'usr/lib/systemd/system/nftables.service.d/punnet-agent.conf',
    ],
  ],
  pages: [
    {
      ...{ program: 'punnet-agent', section: '8', asks: [[]] },
      purpose: 'donate this Raspberry Pi to a federation',
    },
  ],
};

/** Where a scheduler finds the agent's package, from its bundle two folders up. */
export const agentBeside = 'deploy/punnet-agent.deb';

/** With the agent's package in it. */
export const schedulerWith = (agentFile) => ({
  name: 'punnet-scheduler',
  bundles: [
    ['punnet-scheduler', 'scheduler/main.ts'],
    ['snapshot-worker', 'scheduler/adapters/journal/snapshot-worker.ts'],
    ['solver-thread', 'scheduler/adapters/plan/solver-thread.ts'],
    ['punnet', 'scheduler/cli/main.ts'],
  ].map(([program, entry]) => ({
    ...{ entry, file: `${schedulerBin}/${program}.cjs`, options: forNode20 },
  })),
  programs: ['punnet', 'punnet-scheduler'].map((each) => [each, `${schedulerBin}/${each}.cjs`]),
  copies: [
    // Bundles find these where the project and its packages have them: two folders up.
    ...filesBeside.map(([from, to]) => [from, `${share}/${to}`]),
    ['deploy/prometheus', `${examples}/prometheus`],
    ['deploy/grafana', `${examples}/grafana`],
    [agentFile, `${share}/${agentBeside}`],
  ],
  pages: [
    {
      ...{ program: 'punnet', section: '1', asks: [[]] },
      purpose: 'run jobs on a federation of donated Raspberry Pis',
    },
    {
      ...{ program: 'punnet-scheduler', section: '8' },
      asks: [[], ['backup'], ['restore'], ['nats-config'], ['overlay', 'init']],
      purpose: 'the scheduler of a Punnet federation',
    },
  ],
});
