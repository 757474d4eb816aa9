// How near probes come to what a line can do, in the lab: with nothing else on it, half full and full. Beside it what
// a transfer of as many bytes by TCP would say.

import { Network } from '../lab/network.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';
import { tellPhase } from './progress.ts';
import { UplinkLine, others } from './uplink-line.ts';
import type { Other, Probed } from './uplink-line.ts';

interface Scale {
  readonly mbits: readonly number[];
  readonly beside: readonly Other[];
  readonly probes: number;
}

const scales: Readonly<Record<Size, Scale>> = {
  full: { mbits: [1, 4, 40], beside: others, probes: 9 },
  tiny: { mbits: [4], beside: ['nothing'], probes: 1 },
};
const texts: Readonly<Record<Other, string>> = {
  nothing: '',
  half: ', half full',
  full: ', filled by TCP',
};

export const uplinks: Benchmark = {
  name: 'uplinks',
  about: 'errors of probes on lines of 1, 4 and 40 Mbit/s in a lab of namespaces (6 minutes)',
  missing: () => Network.missing(),
  async run(size: Size): Promise<Outcome> {
    const figures: Figure[] = [];
    for (const mbit of scales[size].mbits) {
      const line = await UplinkLine.open(mbit * 1e6);
      try {
        figures.push(...(await figuresOf(line, mbit, scales[size])));
      } finally {
        await line.close();
      }
    }
    return { figures, digest: 'each probe found both rates' };
  },
};

async function figuresOf(
  line: UplinkLine,
  mbit: number,
  { beside, probes }: Scale,
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const all: Probed[] = [];
  for (const other of beside) {
    const what = `${mbit} Mbit/s${texts[other]}`;
    tellPhase(what);
    const found = await line.beside(other, () => measure(line, probes));
    all.push(...found.probed);
    figures.push(errorsOf(what, 'down', found), errorsOf(what, 'up', found));
    if (found.failures.some((count) => count > 0)) figures.push(failuresOf(what, found));
  }
  return [...figures, bytesOf(`${mbit} Mbit/s`, all)];
}

interface Found {
  readonly probed: readonly Probed[];
  /** Of each that found something, how many found nothing before it. */
  readonly failures: readonly number[];
  readonly plain: readonly Pick<Probed, 'down' | 'up'>[];
}

/** As a scheduler, which asks again. */
const failuresMost = 5;

async function measure(line: UplinkLine, probes: number): Promise<Found> {
  const probed: Probed[] = [];
  const plain: Pick<Probed, 'down' | 'up'>[] = [];
  const failures: number[] = [];
  while (probed.length < probes) {
    let found = await line.probe();
    let failed = 0;
    for (; found === null; failed += 1) {
      if (failed === failuresMost)
        throw new Error(`${failed} probes one after another found nothing`);
      found = await line.probe();
    }
    probed.push(found);
    failures.push(failed);
    plain.push(await line.transfer());
  }
  return { probed, plain, failures };
}

function errorsOf(what: string, direction: 'down' | 'up', { probed, plain }: Found): Figure {
  const percent = (found: readonly Pick<Probed, 'down' | 'up'>[]): readonly number[] =>
    found.map((each) => 100 * Math.abs(each[direction]));
  return {
    ...{ what: `error, ${what}, ${direction}`, unit: '%', wanted: { atMost: 10 } },
    values: percent(probed),
    baseline: { what: 'by TCP', values: percent(plain) },
  };
}

function failuresOf(what: string, { failures }: Found): Figure {
  const failed = failures.reduce((sum, count) => sum + count, 0);
  const values = [failed / (failed + failures.length)];
  return { what: `of probes, ${what}, found nothing`, unit: '', values };
}

/** What UDP, two IP headers and OpenVPN put around 1,200 bytes at most. */
const lineFactor = 1_300 / 1_200;

function bytesOf(what: string, probed: readonly Probed[]): Figure {
  const bytes = probed.flatMap(({ downBytes, upBytes }) => [downBytes, upBytes]);
  return {
    ...{ what: `most of a probe, ${what}, one way`, unit: 'kB', quantile: 1 },
    values: bytes.map((each) => (each * lineFactor) / 1_000),
    wanted: { atMost: 150 },
  };
}
