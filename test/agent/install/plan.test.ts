// What an installation does with what it finds: a table of what forbids it, and steps that are left out
// once they are done.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { estimate } from '../../../agent/install/estimate.ts';
import type { Findings } from '../../../agent/install/findings.ts';
import { units } from '../../../agent/install/findings.ts';
import { planInstall } from '../../../agent/install/plan.ts';
import type { Plan, Step } from '../../../agent/install/plan.ts';
import { planText } from '../../../agent/install/texts.ts';

const wanted = {
  ...{ url: 'https://berries.example:8443', stateFolder: '/var/lib/punnet-agent' },
  isAptWanted: false,
};
const answered = { kind: 'answered', aheadMs: 0, isPinned: true, issuer: 'punnet CA' } as const;
const hourMs = 3_600_000;

/** A Pi 3 with the package, before it is enrolled. */
const fresh: Findings = {
  isRoot: true,
  board: { model: 'Raspberry Pi 3 Model B Rev 1.2', architecture: 'aarch64' },
  memoryBytes: 900e6,
  diskFreeBytes: 5e9,
  node: { file: '/usr/bin/node', version: '18.20.4', problem: 'code 0' },
  missingPackages: [],
  hasApt: true,
  hasUnits: true,
  stoppedUnits: [...units],
  enrolled: null,
  isFolderThere: true,
  isAptTold: false,
  federation: answered,
};

function outcome(changes: Partial<Findings>): readonly string[] {
  const plan = planInstall({ ...fresh, ...changes }, wanted);
  return plan.kind === 'refused'
    ? plan.refusals.map(({ code }) => code)
    : plan.steps.map(({ kind }) => kind);
}

function reasons(changes: Partial<Findings>): string {
  const found = { ...fresh, ...changes };
  return planText(found, planInstall(found, wanted));
}

const pi1Node = { file: '/usr/bin/node', version: null, problem: 'SIGILL' };

describe('what forbids it on the machine', () => {
  test.each<[string, Partial<Findings>, string, RegExp]>([
    ['another user', { isRoot: false }, 'not_root', /wanted root.*sudo/],
    [
      'another board',
      { board: { model: 'a RISC-V board', architecture: null } },
      'board',
      /found a RISC-V board/,
    ],
    [
      'too little memory',
      { memoryBytes: 149e6 },
      'memory',
      /wanted 150 MB of memory, found 149 MB/,
    ],
    ['a full disk', { diskFreeBytes: 299e6 }, 'disk', /wanted 300 MB free .*found 299 MB/],
    [
      'no room for packages',
      { diskFreeBytes: 409e6, missingPackages: ['openvpn'] },
      'disk',
      /wanted 410 MB free/,
    ],
    [
      'a Node.js of another CPU',
      { node: pi1Node },
      'node',
      /dies with SIGILL.*Pi 1 or Zero.*apt-get install nodejs/,
    ],
    [
      'one that crashes',
      { node: { ...pi1Node, problem: 'code 127' } },
      'node',
      /ends with code 127/,
    ],
    [
      'one that is too old',
      { node: { ...pi1Node, version: '12.22.12' } },
      'node',
      /wanted Node.js 18 or newer, found 12.22.12/,
    ],
    [
      'no apt-get',
      { missingPackages: ['openvpn', 'bubblewrap'], hasApt: false },
      'packages',
      /wanted openvpn, bubblewrap, or an apt-get/,
    ],
  ])('%s', (_what, changes, code, reason) => {
    expect(outcome(changes)).toEqual([code]);
    expect(reasons(changes)).toMatch(reason);
  });
});

describe('what forbids it at the federation', () => {
  test.each<[string, Partial<Findings>, string, RegExp]>([
    [
      'a clock that is behind',
      { federation: { ...answered, aheadMs: 25 * 365 * 24 * hourMs } },
      'clock',
      /9125 days behind: sudo timedatectl set-ntp true/,
    ],
    [
      'one that is ahead',
      { federation: { ...answered, aheadMs: -25 * hourMs } },
      'clock',
      /1 day ahead/,
    ],
    [
      'something in between',
      { federation: { ...answered, isPinned: false, issuer: 'Acme Proxy CA' } },
      'federation',
      /certificate of "Acme Proxy CA".*opens TLS/,
    ],
    [
      'nobody',
      { federation: { kind: 'silent', error: 'connect ECONNREFUSED' } },
      'unreachable',
      /found connect ECONNREFUSED/,
    ],
  ])('%s', (_what, changes, code, reason) => {
    expect(outcome(changes)).toEqual([code]);
    expect(reasons(changes)).toMatch(reason);
  });
});

describe('all of it, and what is at the limit', () => {
  test('all is told at once', () => {
    const all = { isRoot: false, memoryBytes: 1, diskFreeBytes: 1, node: pi1Node };
    expect(outcome(all)).toEqual(['not_root', 'memory', 'disk', 'node']);
  });

  test.each<[string, Partial<Findings>]>([
    ['just enough memory', { memoryBytes: 150e6 }],
    ['just enough disk', { diskFreeBytes: 300e6 }],
    ['a clock that is a day off', { federation: { ...answered, aheadMs: 24 * hourMs } }],
    ['Node.js 18', { node: { ...pi1Node, version: '18.0.0' } }],
    ['no units, whatever Node.js they would run', { hasUnits: false, node: null }],
  ])('%s does not forbid it', (_what, changes) => {
    expect(outcome(changes)).toContain('enrol');
  });
});

describe('what it does', () => {
  test.each<[string, Partial<Findings>, readonly string[]]>([
    ['with the package', {}, ['enrol', 'start', 'start', 'start']],
    ['without a folder', { isFolderThere: false }, ['folder', 'enrol', 'start', 'start', 'start']],
    ['without systemd', { hasUnits: false, stoppedUnits: [] }, ['enrol']],
    [
      'without packages',
      { missingPackages: ['bubblewrap'] },
      ['packages', 'enrol', 'start', 'start', 'start'],
    ],
    ['enrolled, and stopped', { enrolled: 'pi of berries' }, ['start', 'start', 'start']],
    ['enrolled, and one stopped', { enrolled: 'pi', stoppedUnits: [units[2]] }, ['start']],
    ['done', { enrolled: 'pi of berries', stoppedUnits: [] }, []],
    [
      'done, by a full cache',
      { enrolled: 'pi of berries', stoppedUnits: [], diskFreeBytes: 1e6, federation: null },
      [],
    ],
  ])('%s', (_what, changes, steps) => {
    expect(outcome(changes)).toEqual(steps);
  });

  test('is printed with what it costs', () => {
    const text = reasons({});
    expect(text).toContain('1.4 W idle, 3.7 W with all cores busy');
    expect(text).toContain('MB a month');
    expect(text).toContain(
      '1. enrol this node at https://berries.example:8443: keys are made here',
    );
    expect(reasons({ enrolled: 'pi of berries', stoppedUnits: [] })).toContain('Nothing changes.');
  });

  test.each([
    ['Raspberry Pi Zero 2 W Rev 1.0', '0.6 W idle'],
    ['Raspberry Pi Zero W Rev 1.1', '0.4 W idle, 1.2 W'],
    ['Raspberry Pi 3 Model B Plus Rev 1.3', '1.9 W idle'],
    ['Raspberry Pi 5 Model B Rev 1.0', 'no figure for this board'],
  ])('%s: %s', (model, words) => {
    expect(estimate(model).join('\n')).toContain(words);
  });
});

/** What a machine is like after a step. */
function after(found: Findings, step: Step): Findings {
  switch (step.kind) {
    case 'packages':
      return { ...found, missingPackages: [] };
    case 'folder':
      return { ...found, isFolderThere: true };
    case 'enrol':
      return { ...found, enrolled: 'pi of berries' };
    case 'apt':
      return { ...found, isAptTold: true };
    case 'start':
      return { ...found, stoppedUnits: found.stoppedUnits.filter((unit) => unit !== step.unit) };
  }
}

function stepsOf(plan: Plan): readonly Step[] {
  return plan.kind === 'steps' ? plan.steps : [];
}

test('interrupted after any step it goes on with the rest, and done twice it changes nothing', () => {
  const machines = fc.record({
    missingPackages: fc.subarray(['openvpn', 'bubblewrap']),
    isFolderThere: fc.boolean(),
    hasUnits: fc.boolean(),
    done: fc.nat(7),
    isAptWanted: fc.boolean(),
  });
  fc.assert(
    fc.property(machines, ({ done, isAptWanted, ...changes }) => {
      const stoppedUnits = changes.hasUnits ? [...units] : [];
      let found: Findings = { ...fresh, ...changes, stoppedUnits };
      const words = { ...wanted, isAptWanted };
      const all = stepsOf(planInstall(found, words));
      for (const step of all.slice(0, done)) found = after(found, step);
      const rest = stepsOf(planInstall(found, words));
      expect(rest.map(({ kind }) => kind)).toEqual(all.slice(done).map(({ kind }) => kind));
    }),
  );
});

test('apt is left alone unless its owner says otherwise, and the plan says which', () => {
  expect(outcome({})).not.toContain('apt');
  expect(reasons({})).toMatch(/apt is left alone\. With --apt on/);
  const plan = planInstall(fresh, { ...wanted, isAptWanted: true });
  expect(stepsOf(plan).map(({ kind }) => kind)).toContain('apt');
  expect(planText(fresh, plan)).toMatch(/let apt ask the agent.*limits --apt off undoes it/);
});
