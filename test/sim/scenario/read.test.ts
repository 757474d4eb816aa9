// Every mistake in a scenario file is told with its line and field; those that come with the project
// can be read, and draw what they say.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  bringsRelease,
  parseScenario,
  readRelease,
  readScenario,
  scenarioNames,
  scenarioText,
} from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';

const good = `about: A test.
federation:
  nodes: 100
  siteSizes: { from: 1, to: 10 }
  models: { pi1b: 1, pi3b: 3 }
  uplinks: { lines: ofcom-2015 }
jobs:
  - name: one
    tasks: 10
    work: 1 GHz*min
    input: 1 MB .. 2 MB
`;

type Mistake = readonly [from: string, to: string, told: string];

function federation(
  field: string,
  ...mistakes: readonly (readonly [text: string, told: string])[]
): Mistake[] {
  return mistakes.map(([text, told]) => {
    return ['jobs:', `  ${field}: ${text}\njobs:`, `7: federation.${field}${told}`];
  });
}

function service(...mistakes: readonly (readonly [text: string, told: string])[]): Mistake[] {
  return mistakes.map(([text, told]) => {
    return ['jobs:', `services:\n  - ${text}\njobs:`, told.replace(/^\./, '8: services[0].')];
  });
}

const bad: readonly Mistake[] = [
  ['work: 1 GHz*min', 'work: 60', '10: jobs[0].work: wanted work with a unit, such as 20 GHz*s'],
  ['1 GHz*min', '1 ghzmin', 'found "1 ghzmin": did you mean 1 GHz*min?'],
  ['    work: 1 GHz*min\n', '', '8: jobs[0].work: wanted work with a unit, such as 20 GHz*s'],
  ['1 MB .. 2 MB', '2 MB .. 1 MB', '11: jobs[0].input: wanted a quantity, or two with ..'],
  ['1 MB .. 2 MB', '1 MB .. 2', '11: jobs[0].input: wanted bytes with a unit'],
  [
    'work: 1',
    'isFloatingPoint: yes\n    work: 1',
    '10: jobs[0].isFloatingPoint: wanted true or false, found "yes"',
  ],
  [
    'work: 1',
    'isFloatingPoint: 1\n    work: 1',
    '10: jobs[0].isFloatingPoint: wanted true or false, found 1',
  ],
  [
    'work: 1',
    'isFloatingpoint: true\n    work: 1',
    '10: jobs[0].isFloatingpoint: there is no such field',
  ],
  ['1 GHz*min', '0 GHz*min', '10: jobs[0].work: wanted more than nothing, found 0'],
  ['1 GHz*min', '0 GHz*s .. 5 GHz*s', '10: jobs[0].work: wanted more than nothing, found 0'],
  [
    'lines: ofcom-2015',
    'down: 0 Mbit/s, upPart: 1',
    '6: federation.uplinks.down: wanted more than',
  ],
  ['1 MB .. 2 MB', '-1 MB', '11: jobs[0].input: wanted bytes with a unit'],
  ['nodes: 100', 'nodes: many', '3: federation.nodes: wanted a number, found "many"'],
  ['nodes: 100', 'nodes: 0', '3: federation.nodes: wanted at least 1, found 0'],
  ['nodes: 100', 'knots: 100', '3: federation.knots: there is no such field'],
  ['  nodes: 100\n', '', '2: federation.nodes: wanted a number, and it is not there'],
  ['from: 1, to: 10', 'from: 10, to: 1', '4: federation.siteSizes: wanted the smaller size first'],
  ['pi1b: 1, pi3b: 3', 'pi4: 1', '5: federation.models.pi4: there is no such field'],
  ['pi1b: 1, pi3b: 3', 'pi1b: 0', '5: federation.models: wanted at least one model'],
  ['lines: ofcom-2015', 'lines: ofcom-1999', '6: federation.uplinks.lines: wanted "ofcom-2015"'],
  ['lines: ofcom-2015', 'down: 1 Mbit/s', '6: federation.uplinks: wanted upPart'],
  ['lines: ofcom-2015', 'share: 25%', '6: federation.uplinks: wanted either lines: ofcom-2015'],
  ['ofcom-2015 }', 'ofcom-2015, share: 2 }', '6: federation.uplinks.share: wanted a part with'],
  ['ofcom-2015 }', 'ofcom-2015, share: 0% }', '6: federation.uplinks.share: wanted a part with'],
  [
    'jobs:',
    '  churn: { up: { shape: 1, scale: 5 } }\njobs:',
    '7: federation.churn.up.scale: wanted a time',
  ],
  ...federation(
    'throttling',
    ['{ part: 20%, every: 3 h, lasts: 20 min }', '.speed: wanted a part with a per cent sign'],
    ['{ part: 20%, every: 3 h, speed: 50% }', '.lasts: wanted a time with a unit'],
    ['{ part: 20%, every: 0 h, lasts: 2 h, speed: 50% }', '.every: wanted more than nothing'],
    ['{ part: 20%, every: 3, lasts: 2 h, speed: 50% }', '.every: wanted a time with a unit'],
    ['{ part: 2, every: 3 h, lasts: 2 h, speed: 50% }', '.part: wanted a part with a per cent'],
  ),
  ...federation('faults', [
    '{ until: 1 h, messages: { lost: 60%, repeated: 30%, late: 20%, by: 1 s } }',
    '.messages: wanted at most 100 % of messages',
  ]),
  ...federation(
    'turnover',
    ['{ until: 1 d }', ': wanted how long owners stay, or how long cards last, or both'],
    ['{ stay: 900 d }', '.until: wanted a time with a unit'],
    ['{ stay: 900, until: 1 d }', '.stay: wanted a time with a unit'],
    ['{ cards: 900 d, until: 1 d }', ': wanted cards and replacedAfter, or none of the two'],
    ['{ stay: 9 d, replacedAfter: 1 d, until: 1 d }', ': wanted cards and replacedAfter, or none'],
  ),
  ...federation(
    'owners',
    ['{}', ': wanted hours, or pauses, or both'],
    ['{ hours: { part: 50%, from: 8 h } }', '.hours.lasts: wanted a time with a unit'],
    ['{ hours: { part: 50%, from: 24 h, lasts: 1 h } }', '.hours.from: wanted a time of the day'],
    [
      '{ hours: { part: 50%, from: 8 h, lasts: 24 h } }',
      '.hours.lasts: wanted at least 1 min, and',
    ],
    ['{ hours: { part: 2, from: 8 h, lasts: 1 h } }', '.hours.part: wanted a part with a per cent'],
    ['{ pauses: { every: 2 d } }', '.pauses.lasts: wanted a time with a unit'],
    ['{ sleeps: 8 h }', '.sleeps: there is no such field'],
  ),
  ...service(
    ['{ name: s, replicas: 2, rates: { cpu: 0.5 } }', '.rates.cpu: wanted a speed with a unit'],
    ['{ name: s, replicas: 2, rates: { cpu: 1 Ghz } }', ': did you mean 1 GHz?'],
    ['{ name: s, replicas: 2, rates: { down: 0 bit/s } }', '.rates.down: wanted more than nothing'],
    ['{ name: s, replicas: 2, rates: { up: 1 MB/s } }', ': did you mean 8 Mbit/s?'],
    ['{ name: s, replicas: 2, rates: { ram: 1 MB } }', '.rates.ram: there is no such field'],
    ['{ name: s }', '.replicas: wanted a number, and it is not there'],
    ['{ name: s, replicas: 1001 }', '.replicas: wanted at most 1000, found 1001'],
    ['{ name: s, replicas: 2, from: 2 h, until: 2 h }', '.until: wanted a time to come that is'],
    ['{ name: s, replicas: 2, until: 90 }', '.until: wanted a time with a unit'],
    ['{ name: s, replicas: 2, work: 1 GHz*s }', '.work: there is no such field'],
  ),
  ['tasks: 10', 'tasks: 1.5', '9: jobs[0].tasks: wanted a whole number, found 1.5'],
  ['tasks: 10', 'tasks:', '9: jobs[0].tasks: wanted a number, found nothing'],
  ['about: A test.', 'about:', '1: about: wanted a text, found nothing'],
  [
    'name: one',
    'name: One Job',
    '8: jobs[0].name: wanted small letters, digits and -, found "One Job"',
  ],
  ['jobs:\n', 'jobs: []\nothers:\n', '7: jobs: wanted a list of at least 1, found []'],
  ['about: A test.', 'about: a: b', '1: Nested mappings'],
  [
    'nodes: 100',
    'nodes: *none',
    'x.yaml: cannot read this scenario: ReferenceError: Unresolved alias',
  ],
  ['jobs:', '---\njobs:', '7: wanted one scenario, and another document begins here (---)'],
  ['  nodes', '\tnodes', '3: Tabs are not allowed'],
];

test.each(bad)('%j as %j is told', (from, to, told) => {
  const text = good.replace(from, to);
  expect(text).not.toBe(good);
  let message = '';
  try {
    parseScenario('x.yaml', text);
  } catch (error) {
    message = String(error);
  }
  expect(message).toContain(told);
  expect(message).toContain('x.yaml:');
});

test('all mistakes are told at once', () => {
  const text = good.replace('nodes: 100', 'nodes: -1').replace('tasks: 10', 'tasks: 1.5');
  expect(() => parseScenario('x.yaml', text)).toThrow(/x\.yaml:3: .*\nx\.yaml:9: /s);
});

test('a scenario that is not there is told with those that are', () => {
  expect(() => readScenario('nowhere')).toThrow(/name one of churny, cpu-heavy, data-heavy/);
  expect(() => readScenario('nowhere.yaml')).toThrow(/nowhere\.yaml: cannot read this scenario/);
});

test.each(scenarioNames().filter((name) => !bringsRelease(name)))(
  '%s draws as many nodes as it says',
  (name) => {
    const scenario = readScenario(name);
    const { nodes, sites, lives, jobs } = drawWorld(scenario, 1);
    const { federation } = scenario;
    const first = nodes.filter((_, node) => (lives?.[node]?.fromMs ?? 0) === 0);
    const { reserves = { sites: 0, nodes: 0 } } = federation;
    const count = federation.nodes + reserves.sites * reserves.nodes;
    expect(first).toHaveLength(count);
    const last = first.reduce((most, { site }) => Math.max(most, site), 0);
    const early = sites.slice(0, last + 1);
    expect(early.reduce((sum, site) => sum + site.nodes, 0)).toBe(count);
    const largest = sites.reduce((most, site) => Math.max(most, site.nodes), 0);
    expect(largest).toBeLessThanOrEqual(federation.siteSizes.to);
    // The scheduler takes no more of each (scheduler/core/limits.ts).
    expect(Math.max(...jobs.map((job) => job.tasks))).toBeLessThanOrEqual(1_000_000);
    expect(jobs.reduce((sum, job) => sum + job.tasks, 0)).toBeLessThanOrEqual(3_000_000);
  },
);

test('a seed draws the same world again, and jobs do not change its sites', () => {
  const two = parseScenario('x.yaml', good);
  const other = parseScenario('x.yaml', good.replace('tasks: 10', 'tasks: 11'));
  expect(drawWorld(two, 5)).toEqual(drawWorld(two, 5));
  expect(drawWorld(two, 6).sites).not.toEqual(drawWorld(two, 5).sites);
  expect(drawWorld(other, 5).sites).toEqual(drawWorld(two, 5).sites);
  expect(drawWorld(other, 5).nodes).toEqual(drawWorld(two, 5).nodes);
});

test('drawn lines and boards are like their sources', () => {
  const { sites, nodes } = drawWorld(readScenario('homes-10k'), 1);
  const middle = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const downs = sites.map((site) => site.downBps / 1e6);
  const ups = sites.map((site) => site.upBps / 1e6);
  // The panel's own medians over all technologies, weighted.
  expect(middle(downs)).toBeGreaterThan(10);
  expect(middle(downs)).toBeLessThan(20);
  expect(middle(ups)).toBeGreaterThan(0.9);
  expect(middle(ups)).toBeLessThan(1.3);
  const threes = nodes.filter((node) => node.model.slots === 4 && node.model.speedGhz === 1.2);
  expect(threes.length / nodes.length).toBeCloseTo(0.25, 1);
  const speeds = threes.map((node) => node.speedGhz);
  expect(Math.min(...speeds)).toBeGreaterThan(0.7 * 1.2 - 1e-9);
  expect(Math.max(...speeds)).toBeLessThan(1.3 * 1.2);
});

describe('a release', () => {
  const file = 'test/fixtures/scenarios/tiny-release.yaml';
  const folder = mkdtempSync(join(tmpdir(), 'punnet-release-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is read with its units, and has no jobs for policies', () => {
    const { name, release } = readRelease(file);
    expect({ name, size: release.size, down: release.down }).toEqual({
      ...{ name: 'tiny-release', size: 500_000 },
      down: { from: 2e6, to: 4e6 },
    });
    expect(() => readScenario(file)).toThrow(/has no jobs for policies to place: use `run /);
  });

  test.each([
    ['nodes: 6', 'nodes: 0', '4: release.nodes: '],
    ['size: 500 kB', 'size: 500', '3: release.size: wanted'],
    ['sites: 2', 'sites: 2.5', '11: release.cases[0].sites: '],
    ['slow: 10%', 'slow: 90%', 'wanted less than 100 % of nodes with faults together'],
    ['slow: 10%', 'late: 10%', '13: release.cases[1].faults.late: '],
  ])('%j as %j is told', (from, to, told) => {
    const path = join(folder, 'x.yaml');
    writeFileSync(path, scenarioText(file).replace(from, to));
    expect(() => readRelease(path)).toThrow(told);
  });
});
