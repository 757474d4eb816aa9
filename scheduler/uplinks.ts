// Measurements of lines, for main.ts: where nodes send their packet trains, and the leases that let them.

import { listening } from './adapters/listening.ts';
import type { Overlay } from './adapters/overlay/overlay.ts';
import { ProbeLeases } from './adapters/probes/probe-leases.ts';
import type { ProbeLeasesOptions } from './adapters/probes/probe-leases.ts';
import { Probes } from './adapters/probes/probes.ts';
import type { Config } from './config.ts';
import type { EffectSink } from './ports.ts';

/** Trains go through the tunnels where there are some. Throws ListenError when the port is taken. */
export async function startProbes(
  { host, publicName }: Pick<Config, 'host' | 'publicName'>,
  folder: {
    readonly overlay: Pick<Overlay, 'coreAddress'> | undefined;
    readonly ports: { readonly probe: number };
  },
  other: Pick<ProbeLeasesOptions, 'send' | 'submit'>,
): Promise<EffectSink & { stop(): Promise<void> }> {
  const { probe: port } = folder.ports;
  const inside = folder.overlay?.coreAddress;
  const listen = (): Promise<Probes> => Probes.listen(inside ?? host, port);
  const probes = await listening('--probe-port', port, listen);
  const leases = new ProbeLeases({ ...other, probes, host: inside ?? publicName });
  return {
    carryOut: (effects) => {
      for (const effect of effects) if (effect.kind === 'probe') void leases.carryOut(effect);
    },
    stop: () => probes.close(),
  };
}
