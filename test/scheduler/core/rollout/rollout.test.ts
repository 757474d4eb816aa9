// Rollouts in the core: ring after ring, behind gates; pause, resume, abort, and the flag that stops all.

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { NodeRelease } from '../../../../scheduler/core/index.ts';
import { imageOf, nodeId, stateOf } from '../../../../scheduler/core/index.ts';
import { ringOf } from '../../../../scheduler/core/rollout/rollout.ts';
import { CoreHarness, accepting, pi3 } from '../harness.ts';

const bakeMs = 60_000;
let core: CoreHarness;
let names: readonly string[];

/** Two models at three sites, and more alike. */
function federation(count: number): void {
  core = new CoreHarness();
  names = Array.from({ length: count }, (_, index) => `n${index}`);
  for (const [index, name] of names.entries()) {
    const site = `s${index % 3}`;
    core.setSite(site, 1e7);
    core.node(name, site, index % 2 === 0 ? pi3 : { ...pi3, model: 'Pi 1' });
  }
  core.effects = [];
}

beforeEach(() => federation(12));

const rollout = {
  kind: 'startRollout' as const,
  ...{ name: 'agent', version: '2', bakeMs, architectures: [] },
};
const start = (version = '2', architectures: readonly string[] = []) =>
  core.give({ ...rollout, version, architectures });
const change = (what: 'pause' | 'resume' | 'abort') =>
  core.give({ kind: 'changeRollout', name: 'agent', change: what });
const summary = () => core.view.rollouts()[0];

/** The node reports, and is told. */
function told(name: string): string {
  core.speak(name, { held: [], status: accepting });
  return core
    .take('release')
    .map(({ action, version }) => `${action} ${version}`)
    .join();
}

function has(name: string, release: Partial<NodeRelease>): void {
  const of = { name: 'agent', active: '1', staged: '', failed: '', problem: '' };
  const releases = [{ ...of, isProven: false, fetchedBytes: 8, sizeBytes: 100, ...release }];
  core.give({ kind: 'releasesTold', nodeId: nodeId(name), releases });
}

/** Each does what it is told, and works. */
function obey(): void {
  for (const name of names) {
    const order = told(name);
    if (order.startsWith('prefetch')) has(name, { staged: '2' });
    if (order.startsWith('activate')) has(name, { active: '2', isProven: true });
    if (order.startsWith('rollback')) has(name, {});
  }
}

function pass(ms: number): void {
  core.nowMs += ms;
  core.give({ kind: 'tick' });
}

const active = (): number => summary()?.rings.reduce((sum, ring) => sum + ring.active, 0) ?? 0;

describe('a release', () => {
  test('is fetched by all and activated ring by ring, each after a bake time', () => {
    expect(start().answer).toEqual({ kind: 'done' });
    obey();
    expect(summary()).toMatchObject({
      ring: 0,
      phase: 'running',
      fetchedBytes: 96,
      sizeBytes: 1200,
    });
    expect(active()).toBe(2);
    const rings = [];
    for (let step = 0; step < 12 && summary()?.phase === 'running'; step += 1) {
      rings.push(active());
      pass(6_000);
      pass(bakeMs);
      obey();
    }
    expect(summary()).toMatchObject({ phase: 'done', ring: 4 });
    expect(rings.at(-1)).toBe(12);
    expect(new Set(rings)).toEqual(new Set([2, 4, 12]));
  });

  test('is told again until the node has it, and not after that', () => {
    start();
    expect(told('n0')).toMatch(/2$/);
    expect(told('n0')).toMatch(/2$/);
    has('n0', { active: '2' });
    expect(told('n0')).toBe('');
    has('n1', { failed: '2' });
    expect(told('n1')).toBe('');
  });

  test('is told again to a node that has lost it, and not undone where it never was', () => {
    start();
    obey();
    const first = names.find((name) => ring(name) === 0) ?? '';
    expect([told(first), active()]).toEqual(['', 2]);
    core.give({ kind: 'releasesTold', nodeId: nodeId(first), releases: [] });
    expect([told(first), active()]).toEqual(['activate 2', 1]);
    change('abort');
    expect(told(first)).toBe('');
  });

  test('whose nodes go back is undone everywhere', () => {
    start();
    obey();
    const first = names.find((name) => ring(name) === 0) ?? '';
    has(first, { failed: '2', problem: 'two starts failed' });
    pass(6_000);
    expect(summary()).toMatchObject({
      phase: 'failed',
      reason: '1 of 2 nodes went back from it: two starts failed',
    });
    const others = names.filter((name) => ring(name) === 0 && name !== first);
    expect(others.map(told)).toEqual(['rollback 2']);
    expect(told(names.find((name) => ring(name) === 4) ?? '')).toBe('');
    expect(start('3').answer).toEqual({ kind: 'done' });
  });
});

describe('a release that not all is well with', () => {
  test('that has nothing for some nodes leaves them out', () => {
    core.node('old', 's0', { ...pi3, architecture: 'armv6l' });
    start('2', ['armv6l']);
    expect(names.map(told).join('')).toBe('');
    expect(told('old')).toBe('activate 2');
    expect(summary()?.rings.map(({ nodes }) => nodes)).toEqual([1, 0, 0, 0, 0]);
    has('old', { active: '2', isProven: true });
    pass(6_000);
    pass(bakeMs);
    pass(bakeMs);
    pass(bakeMs);
    expect(summary()).toMatchObject({ phase: 'done' });
  });

  test('that is not well any more bakes anew', () => {
    start();
    obey();
    pass(6_000);
    const first = names.find((name) => ring(name) === 0) ?? '';
    has(first, { active: '2', isProven: false });
    pass(bakeMs);
    has(first, { active: '2', isProven: true });
    pass(6_000);
    expect(summary()).toMatchObject({ ring: 0, leftMs: expect.any(Number) });
    pass(bakeMs);
    expect(summary()).toMatchObject({ ring: 1 });
  });
});

const longBakeMs = 30 * 60_000;
const dayMs = 24 * 60 * 60_000;
/** Those that are on report then. */
function later(ms: number, on: readonly string[]): void {
  core.nowMs += ms;
  const all = names;
  names = on;
  obey();
  names = all;
  core.give({ kind: 'tick' });
}

function minutes(count: number, on: readonly string[]): void {
  for (let minute = 0; minute < count; minute += 1) later(60_000, on);
}

/** All have version 2, and the last ring bakes. */
function lastRingBakes(): void {
  core.give({ ...rollout, bakeMs: longBakeMs });
  obey();
  for (let looks = 0; looks < 200 && summary()?.ring !== 4; looks += 1) minutes(1, names);
  minutes(1, names);
}

describe('a school that is off at night', () => {
  test('stops the bake time of the last ring, in which no others are left, and does not undo it', () => {
    lastRingBakes();
    expect(active()).toBe(12);
    const atHome = names.filter((_, index) => index % 3 > 0);
    minutes(45, atHome);
    expect(summary()).toMatchObject({
      ...{ phase: 'running', ring: 4 },
      waitsFor: '3 of 8 nodes are off with all of their site, or as they often are',
    });
    // Of the half hour some minutes are over.
    minutes(5, names);
    expect(summary()).toMatchObject({ phase: 'running', waitsFor: '' });
    expect(summary()?.leftMs).toBeLessThan(longBakeMs - 9 * 60_000);
    minutes(25, names);
    expect(summary()).toMatchObject({ phase: 'done' });
  });

  test('and stays off waits for its operator, however long', () => {
    lastRingBakes();
    const atHome = names.filter((_, index) => index % 3 > 0);
    minutes(20, atHome);
    later(5 * dayMs, atHome);
    minutes(45, atHome);
    expect(summary()?.phase).toBe('running');
    expect(summary()?.waitsFor).toMatch(
      /often are, 3 of them for over 4 days: abort it, or revoke/,
    );
  });

  test('nodes that are often off, one by one, have died when they are not back in days', () => {
    const often = names.filter((_, index) => index % 3 > 0);
    const others = names.filter((_, index) => index % 3 === 0);
    for (const untilNextMs of [dayMs, 60_000]) {
      minutes(90, others);
      minutes(1, names);
      later(untilNextMs, names);
    }
    lastRingBakes();
    const alive = [...others, ...often.slice(0, 2)];
    minutes(45, alive);
    expect(summary()).toMatchObject({ phase: 'running', ring: 4 });
    later(5 * dayMs, alive);
    expect(summary()?.reason).toMatch(/fell silent with it, 0 % of the others are$/);
  });
});

const ring = (name: string): number => {
  const record = core.state.rollouts.byName.get('agent');
  const number = core.state.nodeById.get(nodeId(name))?.number ?? -1;
  return record === undefined ? -1 : ringOf(record, number);
};

describe('an operator', () => {
  test('pauses and resumes', () => {
    start();
    const first = names.find((name) => ring(name) === 0) ?? '';
    change('pause');
    expect(told(first)).toBe('');
    pass(bakeMs);
    expect(summary()).toMatchObject({ phase: 'paused', ring: 0 });
    change('resume');
    expect(told(first)).toBe('activate 2');
  });

  test('aborts: whoever has it goes back, whoever comes later, too', () => {
    start();
    obey();
    change('abort');
    const had = names.filter((name) => ring(name) === 0);
    expect(had.map(told)).toEqual(['rollback 2', 'rollback 2']);
    has(had[0] ?? '', {});
    expect(told(had[0] ?? '')).toBe('');
    pass(10 * bakeMs);
    expect(summary()).toMatchObject({ phase: 'aborted', ring: 0 });
  });

  test('stops everything with one flag', () => {
    start();
    core.give({ kind: 'holdRollouts', isHeld: true });
    expect(names.map(told).join('')).toBe('');
    pass(bakeMs);
    core.give({ kind: 'holdRollouts', isHeld: false });
    expect(told('n0')).not.toBe('');
  });

  test.each([
    ['a second rollout of the name', () => start(), 'failed_precondition'],
    [
      'what is not there',
      () => core.give({ kind: 'changeRollout', name: 'x', change: 'abort' }),
      'not_found',
    ],
    ['to resume what runs', () => change('resume'), null],
    ['too long a bake', () => core.give({ ...rollout, name: 'x', bakeMs: 1e12 }), 'invalid'],
  ])('asks for %s', (_, ask, code) => {
    start();
    const { answer } = ask();
    expect(answer.kind === 'refused' ? answer.code : null).toBe(code);
  });

  test('cannot resume what has failed', () => {
    start();
    change('abort');
    expect(change('resume').answer).toMatchObject({
      code: 'failed_precondition',
      reason: 'The rollout of agent 2 is aborted: only one that is paused can resume.',
    });
  });
});

type Step =
  | { readonly what: 'report' | 'bad' | 'idle'; readonly node: number }
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'pause' | 'resume' | 'abort' | 'hold' | 'free' | 'restart' };

const nodeStep = fc.record({
  what: fc.constantFrom('report' as const, 'report' as const, 'bad' as const, 'idle' as const),
  node: fc.nat(7),
});
const steps = fc.array<Step>(
  fc.oneof(
    { weight: 8, arbitrary: nodeStep },
    {
      weight: 4,
      arbitrary: fc.record({
        what: fc.constant('pass' as const),
        ms: fc.constantFrom(6_000, bakeMs),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constantFrom('pause', 'resume', 'abort', 'hold', 'free', 'restart'),
      }),
    },
  ),
  { maxLength: 60 },
);

describe('whatever happens', () => {
  test('no ring activates before the one before it was well for its bake time, and an end is an end', () => {
    fc.assert(
      fc.property(steps, (script) => run(script)),
      { numRuns: 40 },
    );
  });
});

function run(script: readonly Step[]): void {
  federation(8);
  start();
  let [highest, since] = [0, core.nowMs];
  for (const step of script) {
    take(step);
    const record = core.state.rollouts.byName.get('agent');
    if (record === undefined) throw new Error('it is gone');
    if (record.ring > highest) {
      const between = record.rings.slice(highest + 1, record.ring);
      expect(between.flat()).toEqual([]);
      expect(core.nowMs - since).toBeGreaterThanOrEqual(bakeMs);
      [highest, since] = [record.ring, core.nowMs];
    }
    for (const { nodeId: id, action } of core.take('release')) {
      expect(core.state.rollouts.isHeld).toBe(false);
      if (action === 'activate') {
        expect(ring(id)).toBeLessThanOrEqual(record.ring);
        expect(['running', 'done']).toContain(record.phase);
      }
      if (action === 'rollback') expect(['failed', 'aborted']).toContain(record.phase);
    }
  }
}

function take(step: Step): void {
  if (step.what === 'pass') return pass(step.ms);
  if ('node' in step) {
    const name = names[step.node] ?? '';
    core.speak(name, { held: [], status: accepting });
    const order = core.effects.find((each) => each.kind === 'release');
    if (order?.kind !== 'release') return;
    const isProven = step.what === 'report';
    if (step.what === 'bad') has(name, { failed: '2', problem: 'it fell over' });
    else if (order.action === 'activate') has(name, { active: '2', isProven });
    else has(name, { staged: '2' });
    return;
  }
  if (step.what === 'hold' || step.what === 'free') {
    core.give({ kind: 'holdRollouts', isHeld: step.what === 'hold' });
  } else if (step.what === 'restart') {
    const before = imageOf(core.state);
    core.state = stateOf(before);
    expect(imageOf(core.state)).toEqual(before);
    for (const name of names) core.speak(name, { held: [], status: accepting });
    core.effects = [];
  } else change(step.what);
}
