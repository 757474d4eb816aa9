// How long it takes, and what it costs the line, until each Pi of a site has the same file. The unit is one curl
// of that file by one Pi, over the same line in the same run; beside it how others do it.

import { OverlayRig } from '../../test/integration/overlay-rig.ts';
import { Network } from '../../lab/network.ts';
import type { Benchmark, Figure, Outcome, Size } from '../figure.ts';
import { tellPhase } from '../progress.ts';
import type { SharedFile, Taken } from './ground.ts';
import { Ground, nodesOf, siteOf } from './ground.ts';
import type { Peer } from './peers.ts';
import { curl, peers, runPeer } from './peers.ts';
import type { Raced } from './race.ts';
import { nginxProgram } from './web.ts';

interface Scale {
  readonly nodes: number;
  readonly fileBytes: number;
  /** A peer is stopped after so many times curl's time, and no sooner than after the seconds. */
  readonly most: { readonly times: number; readonly seconds: number };
}

const scales: Readonly<Record<Size, Scale>> = {
  full: { nodes: 20, fileBytes: 50e6, most: { times: 1.5, seconds: 0 } },
  tiny: { nodes: 3, fileBytes: 0.6e6, most: { times: 1.5, seconds: 1 } },
};
/** No single curl takes longer on any machine that runs this. */
const curlSeconds = 120;
const unit = '× curl';

export const distribution: Benchmark = {
  name: 'distribution',
  about:
    'a file to each Pi of a site behind a line of 10 Mbit/s, in a lab of namespaces (7 minutes)',
  missing: () =>
    Network.missing() ??
    curl.missing() ??
    (nginxProgram() === undefined ? 'nginx is not here' : undefined),
  async run(size: Size): Promise<Outcome> {
    const scale = scales[size];
    const rig = await OverlayRig.start(['main=CORE:1194'], [siteOf(scale.nodes)]);
    let ground: Ground | undefined;
    try {
      ground = await Ground.open(rig.network, nodesOf(scale.nodes));
      const file = ground.share('file', scale.fileBytes);
      const one = await oneCurl(ground, file);
      const figures = [
        curlFigure(one, scale),
        ...(await eachForItself(ground, scale)),
        ...(await beside(ground, { file, one, most: scale.most })),
      ];
      return { figures, digest: 'every copy is the file' };
    } finally {
      ground?.close();
      await rig.stop();
    }
  },
};

function oneCurl(ground: Ground, file: SharedFile): Promise<Raced> {
  tellPhase('one curl');
  const nodes = ground.nodes.slice(0, 1);
  return runPeer(curl, { ground, file, nodes, mostSeconds: curlSeconds });
}

function curlFigure({ seconds }: Taken, { fileBytes }: Scale): Figure {
  return {
    ...{ what: `curl of ${fileBytes / 1e6} MB by one Pi`, unit: 's', values: [seconds] },
    baseline: { what: 'at 10 Mbit/s', values: [(fileBytes * 8) / 10e6] },
  };
}

/** Of a file that is as many times smaller as there are nodes: the whole would take them minutes. */
async function eachForItself(
  ground: Ground,
  { nodes, fileBytes }: Scale,
): Promise<readonly Figure[]> {
  const file = ground.share('part', Math.ceil(fileBytes / nodes));
  const one = await oneCurl(ground, file);
  tellPhase('each for itself');
  const options = { ground, file, nodes: ground.nodes, mostSeconds: 2 * curlSeconds };
  return ratios(
    `each for itself, of ${file.sizeBytes / 1e6} MB`,
    await runPeer(curl, options),
    one,
  );
}

/** Peers that are here. */
async function beside(
  ground: Ground,
  { file, one, most }: { file: SharedFile; one: Taken; most: Scale['most'] },
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const mostSeconds = Math.max(most.seconds, most.times * one.seconds);
  for (const peer of peers) {
    const missing = peer.missing();
    tellPhase(missing === undefined ? peer.name : `${peer.name}: not run, ${missing}`);
    if (missing !== undefined) continue;
    const raced = await runPeer(peer, { ground, file, nodes: ground.nodes, mostSeconds });
    figures.push(...ratios(nameOf(peer, raced, ground.nodes.length), raced, one));
  }
  return figures;
}

function nameOf({ name }: Peer, { done }: Raced, nodes: number): string {
  return done === nodes ? name : `${name}, stopped when ${done} of ${nodes} had it`;
}

function ratios(what: string, taken: Taken, one: Taken): readonly Figure[] {
  return (['seconds', 'bytes'] as const).map((kind) => ({
    ...{ what: `${what}: ${kind === 'seconds' ? 'time' : 'bytes'}`, unit },
    values: [taken[kind] / one[kind]],
  }));
}
