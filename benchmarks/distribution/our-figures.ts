// What Punnet's own exchange takes, in figures: all nodes well, some in trouble, and nothing to do.

import { setTimeout as sleep } from 'node:timers/promises';
import type { OverlayRig } from '../../test/integration/overlay-rig.ts';
import type { Figure } from '../figure.ts';
import { tellPhase } from '../progress.ts';
import type { Ground, Taken } from './ground.ts';
import { OurSite } from './ours.ts';
import type { BringOptions, Brought } from './ours.ts';
import { dies, makeLiar, makeSlow } from './trouble.ts';

export interface OurScale {
  readonly fileBytes: number;
  readonly rounds: number;
  /** How many lie, are slow, and die, each. */
  readonly troubled: number;
  readonly idleSeconds: number;
}

/** Stopped then, as peers are, if somewhat later. */
const most = { times: 2, seconds: 20 };

/** A round and the curl before it. */
interface Round {
  readonly ours: Brought;
  readonly one: Taken;
}

export interface OurOptions {
  readonly rig: OverlayRig;
  readonly ground: Ground;
  readonly scale: OurScale;
  readonly curl: () => Promise<Taken>;
  /** The fastest of the peers, its time over curl's. */
  readonly baseline: Figure['baseline'];
}

export async function ourFigures(options: OurOptions): Promise<readonly Figure[]> {
  const { rig, ground, scale, curl, baseline } = options;
  tellPhase('ours: the nodes enrol');
  const site = await OurSite.open(rig, ground.nodes);
  // Connecting, and the first reports, which tell more than later ones.
  await sleep(scale.idleSeconds * 150);
  const before = await site.idle(scale.idleSeconds / 3);
  const bring = async (name: string, one: Taken, trouble: Trouble = {}): Promise<Round> => {
    tellPhase(`ours, ${name}`);
    const mostSeconds = Math.max(most.seconds, most.times * one.seconds);
    const file = ground.share(name, scale.fileBytes);
    return { ours: await site.bring(file, { mostSeconds, ...trouble }), one };
  };
  const rounds: Round[] = [];
  for (let at = 1; at <= scale.rounds; at += 1) {
    rounds.push(await bring(`round-${at}`, await curl()));
    // What is under way would be in all that comes.
    if (rounds.some(({ ours }) => !ours.isDone)) {
      return wellFigures(rounds, scale.fileBytes, baseline);
    }
    await site.untilQuiet();
  }
  tellPhase(`idle for ${scale.idleSeconds} s`);
  const after = await site.idle(scale.idleSeconds);
  const peaks = site.peakBytes();
  // The last round's, a minute ago: one more would take as long again.
  const one = rounds.at(-1)?.one ?? (await curl());
  const troubled = await bring('in-trouble', one, trouble(site, scale.troubled, one));
  return [
    ...wellFigures(rounds, scale.fileBytes, baseline),
    ...memoryAndIdle({ peaks, before: 3 * before.line, after }),
    ...troubledFigures(troubled, scale.troubled),
  ];
}

type Trouble = Omit<BringOptions, 'mostSeconds'>;

/** The first nodes lie, the next are slow, and those after them end halfway. */
function trouble(site: OurSite, count: number, { seconds }: Taken): Trouble {
  const nodes = [...site.agents.keys()];
  const [liars, slow, dying] = [0, 1, 2].map((at) => nodes.slice(at * count, (at + 1) * count));
  for (const node of liars ?? []) makeLiar(site.rig.network, node);
  for (const node of slow ?? []) makeSlow(site.rig.network, node);
  const leftOut = dying ?? [];
  const meanwhile = (): Promise<unknown> =>
    Promise.all(leftOut.map((node, at) => dies(site, node, (seconds * (at + 1)) / (count + 1))));
  return { leftOut, meanwhile };
}

function wellFigures(
  rounds: readonly Round[],
  fileBytes: number,
  baseline: Figure['baseline'],
): readonly Figure[] {
  const values = (of: (round: Round) => number): readonly number[] => rounds.map(of);
  const unit = '× curl';
  const stopped = rounds.find(({ ours }) => !ours.isDone);
  const until =
    stopped === undefined ? 'until the last has it' : `stopped when ${stopped.ours.done} had it`;
  return [
    {
      ...{ what: `ours: time ${until}`, unit, wanted: { atMost: 1.05 } },
      values: values(({ ours, one }) => ours.seconds / one.seconds),
      ...(baseline === undefined ? {} : { baseline }),
    },
    {
      ...{ what: 'ours: bytes, control and tunnels too', unit, wanted: { atMost: 1.03 } },
      values: values(({ ours, one }) => ours.bytes / one.bytes),
    },
    {
      ...{ what: 'ours: tunnels (control, keepalive)', unit: '% of the file' },
      wanted: { atMost: 0.5 },
      values: values(({ ours }) => (100 * ours.tunnelBytes) / fileBytes),
    },
    {
      ...{ what: 'ours: CPU of all agents together', unit: 'cores' },
      values: values(({ ours }) => ours.cores),
    },
  ];
}

function memoryAndIdle(found: {
  readonly peaks: readonly number[];
  readonly before: number;
  readonly after: { readonly line: number; readonly lan: number };
}): readonly Figure[] {
  const { peaks, before, after } = found;
  return [
    {
      ...{ what: 'ours: peak memory of an agent', unit: 'MB', wanted: { atMost: 90 } },
      ...{ values: peaks.map((bytes) => bytes / 1e6), quantile: 1 },
    },
    {
      ...{ what: 'ours, idle afterwards: on the line', unit: 'kB', values: [after.line / 1000] },
      baseline: { what: 'before, as long', values: [before / 1000] },
    },
    {
      ...{ what: 'ours, idle afterwards: between nodes', unit: 'kB', values: [after.lan / 1000] },
    },
  ];
}

function troubledFigures({ ours, one }: Round, count: number): readonly Figure[] {
  const stopped = ours.isDone ? '' : `, stopped when ${ours.done} had it`;
  const what = `ours, ${count} lie, ${count} are slow, ${count} die${stopped}`;
  const unit = '× curl';
  return [
    {
      ...{ what: `${what}: time`, unit, values: [ours.seconds / one.seconds] },
      wanted: { atMost: 1.15 },
    },
    {
      ...{ what: `${what}: bytes`, unit, values: [ours.bytes / one.bytes] },
      wanted: { atMost: 1.1 },
    },
  ];
}
