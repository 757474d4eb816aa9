// How long it takes, and what it costs the line, until each Pi of a site has the same file. The unit is one curl
// of that file by one Pi, over the same line in the same run; beside it how others do it.

import { existsSync } from 'node:fs';
import { freemem } from 'node:os';
import { OverlayRig } from '../../test/integration/overlay-rig.ts';
import { Network } from '../../lab/network.ts';
import type { Benchmark, Figure, Outcome, Size } from '../figure.ts';
import { tellPhase } from '../progress.ts';
import type { SharedFile, Taken } from './ground.ts';
import { Ground, nodesOf, siteOf } from './ground.ts';
import { ourFigures } from './our-figures.ts';
import type { OurScale } from './our-figures.ts';
import { curl, peers, runPeer } from './peers.ts';
import type { Raced } from './race.ts';
import { nginxProgram } from './web.ts';

interface Scale extends OurScale {
  readonly nodes: number;
  /** A peer is stopped after so many times curl's time, and no sooner than after the seconds. */
  readonly most: { readonly times: number; readonly seconds: number };
}

const scales: Readonly<Record<Size, Scale>> = {
  full: {
    ...{ nodes: 20, fileBytes: 50e6, most: { times: 1.15, seconds: 0 } },
    ...{ rounds: 2, troubled: 2, idleSeconds: 60 },
  },
  tiny: {
    ...{ nodes: 4, fileBytes: 0.6e6, most: { times: 1.15, seconds: 1 } },
    ...{ rounds: 1, troubled: 1, idleSeconds: 3 },
  },
};
/** No single curl takes longer on any machine that runs this. */
const curlSeconds = 120;
const unit = '× curl';
/** Four files of 50 MB for each of 20 nodes, twice over. */
const memoryBytes = 10e9;

export const distribution: Benchmark = {
  name: 'distribution',
  about:
    'a file to each Pi of a site behind a line of 10 Mbit/s, in a lab of namespaces (11 minutes)',
  missing: () =>
    Network.missing() ??
    curl.missing() ??
    (nginxProgram() === undefined ? 'nginx is not here' : undefined),
  async run(size: Size): Promise<Outcome> {
    const scale = scales[size];
    const temporary = process.env['TMPDIR'];
    useMemory();
    const rig = await OverlayRig.start(['main=CORE:1194'], [siteOf(scale.nodes)]);
    let ground: Ground | undefined;
    try {
      ground = await Ground.open(rig.network, nodesOf(scale.nodes));
      return { figures: await figuresOf(rig, ground, scale), digest: 'every copy is the file' };
    } finally {
      ground?.close();
      await rig.stop();
      if (temporary === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = temporary;
    }
  },
};

/** All nodes share this machine's one disk, which takes longer for what each makes safe than a card of its own does. */
function useMemory(): void {
  const folder = '/dev/shm';
  const isThere = existsSync(folder) && freemem() > memoryBytes;
  if (isThere) process.env['TMPDIR'] = folder;
  else tellPhase('the nodes share one disk: there is too little memory for their files');
}

async function figuresOf(
  rig: OverlayRig,
  ground: Ground,
  scale: Scale,
): Promise<readonly Figure[]> {
  const file = ground.share('file', scale.fileBytes);
  const one = await oneCurl(ground, file);
  const itself = await eachForItself(ground, scale);
  const raced = await beside(ground, { file, one, most: scale.most });
  const baseline = fastestOf(raced, one);
  const again = (): Promise<Taken> => oneCurl(ground, file);
  const ours = await ourFigures({ rig, ground, scale, curl: again, baseline });
  const others = raced.flatMap(({ name, raced: taken }) => ratios(name, taken, one));
  return [curlFigure(one, scale), ...itself, ...others, ...ours];
}

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

/** Of a file that is four times as many times smaller as there are nodes: the whole would take them minutes. */
async function eachForItself(
  ground: Ground,
  { nodes, fileBytes }: Scale,
): Promise<readonly Figure[]> {
  const file = ground.share('part', Math.ceil(fileBytes / nodes / 4));
  const one = await oneCurl(ground, file);
  tellPhase('each for itself');
  const options = { ground, file, nodes: ground.nodes, mostSeconds: 2 * curlSeconds };
  return ratios(
    `each for itself, of ${file.sizeBytes / 1e6} MB`,
    await runPeer(curl, options),
    one,
  );
}

interface Beside {
  readonly name: string;
  readonly raced: Raced;
  readonly isDone: boolean;
}

/** Peers that are here. */
async function beside(
  ground: Ground,
  { file, one, most }: { file: SharedFile; one: Taken; most: Scale['most'] },
): Promise<readonly Beside[]> {
  const { nodes } = ground;
  const found: Beside[] = [];
  const mostSeconds = Math.max(most.seconds, most.times * one.seconds);
  for (const peer of peers) {
    const missing = peer.missing();
    tellPhase(missing === undefined ? peer.name : `${peer.name}: not run, ${missing}`);
    if (missing !== undefined) continue;
    const raced = await runPeer(peer, { ground, file, nodes, mostSeconds });
    const isDone = raced.done === nodes.length;
    const text = isDone ? '' : `, stopped when ${raced.done} of ${nodes.length} had it`;
    found.push({ name: `${peer.name}${text}`, raced, isDone });
  }
  return found;
}

/** Whose last node had it first; undefined: all of them were stopped. */
function fastestOf(found: readonly Beside[], one: Taken): Figure['baseline'] {
  const done = found.filter(({ isDone }) => isDone);
  const [first] = [...done].sort((a, b) => a.raced.seconds - b.raced.seconds);
  if (first === undefined) return undefined;
  return { what: first.name, values: [first.raced.seconds / one.seconds] };
}

function ratios(what: string, taken: Taken, one: Taken): readonly Figure[] {
  return (['seconds', 'bytes'] as const).map((kind) => ({
    ...{ what: `${what}: ${kind === 'seconds' ? 'time' : 'bytes'}`, unit },
    values: [taken[kind] / one[kind]],
  }));
}
