// `release`: how long a release takes to all nodes of a site, by several ways, against the least time.

import process from 'node:process';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Unit } from '../../scheduler/api/quantities.ts';
import {
  bytes as bytesUnit,
  parseQuantity,
  rate,
  span,
  wrongQuantity,
} from '../../scheduler/api/quantities.ts';
import { kindsOf, siteBound } from '../distribution/bounds.ts';
import type { SiteShape } from '../distribution/bounds.ts';
import { runRelease } from '../distribution/run-release.ts';
import { ways } from '../distribution/ways.ts';

interface ReleaseOptions {
  readonly nodes: number;
  readonly size: number;
  readonly down: number;
  readonly lan: number;
  readonly request: number;
  readonly slow: number;
  readonly slowLan: number;
  readonly seed: number;
}

/** A mesh of more takes minutes. */
const mostNodes = 1_000;

export function addReleaseCommand(program: Command): void {
  program
    .command('release')
    .description(
      'time ÷ bound of a release to all nodes of a site: as we arrange it, and by other ways',
    )
    .option('--nodes <count>', 'at the site', countOf(1, mostNodes), 100)
    .option('--size <bytes>', 'of the release', quantityOf(bytesUnit), 100e6)
    .option('--down <rate>', 'of the uplink', quantityOf(rate), 10e6)
    .option('--lan <rate>', "of each node's port, both ways", quantityOf(rate), 90e6)
    .option('--request <time>', 'from asking for a chunk to its first byte', quantityOf(span), 10)
    .option('--slow <count>', 'so many of the nodes have slower ports', countOf(0, mostNodes), 0)
    .option('--slow-lan <rate>', 'of their ports', quantityOf(rate), 9e6)
    .option('--seed <number>', 'of what is drawn', countOf(1, 1e9), 1)
    .action(release);
}

function release(options: ReleaseOptions, command: Command): void {
  const { nodes, size, down, lan, request, slow, slowLan, seed } = options;
  if (slow >= nodes) {
    command.error(`--slow ${slow}: wanted fewer than the ${nodes} nodes: name a smaller number.`);
  }
  const shape: SiteShape = {
    ...{ kinds: kindsOf(nodes, slow), sizeBytes: Math.max(1, Math.round(size)), downBps: down },
    ...{ lanBps: lan, slowLanBps: slowLan, requestMs: request },
  };
  const head = [
    'way',
    'last ÷ bound',
    'median ÷ bound',
    'uplink ÷ size',
    'control ÷ size',
    'wasted ÷ size',
  ];
  process.stdout.write(`bound ${siteBound(shape).toFixed(1)} s\n${row(head)}`);
  for (const [name, way] of ways) {
    const figures = runRelease(shape, way, seed);
    const { lastOverBound, medianOverBound, uplinkOverSize } = figures;
    const times = [lastOverBound, medianOverBound, uplinkOverSize].map((each) => each.toFixed(3));
    const parts = [figures.controlOverSize, figures.wastedOverSize].map((each) => each.toFixed(4));
    process.stdout.write(row([name, ...times, ...parts], way.about));
  }
}

function row(cells: readonly string[], about = ''): string {
  return `${[...cells.map((cell) => cell.padEnd(17)), about].join('').trimEnd()}\n`;
}

function countOf(least: number, most: number) {
  return (text: string): number => {
    const count = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(`wanted a whole number from ${least} to ${most}`);
  };
}

function quantityOf(unit: Unit) {
  return (text: string): number => {
    const quantity = parseQuantity(text, unit);
    if (quantity !== null && quantity > 0) return quantity;
    throw new InvalidArgumentError(
      quantity === 0 ? 'wanted more than nothing' : wrongQuantity(text, unit),
    );
  };
}
