// Every mistake of a specification is told with its field, what was wanted and what was found; every
// bound is held at the bound and one past it.

import { expect, test } from 'vitest';
import { JobSpec } from '../../../proto/gen/punnet/v1/job.ts';
import { checkSpec } from '../../../scheduler/api/job-spec.ts';
import { toSpec } from '../../../scheduler/api/show-spec.ts';

const sha256 = 'ab'.repeat(32);
const blob = { source: { $case: 'blob' as const, value: { sha256, sizeBytes: 5 } } };
const good = JobSpec.fromPartial({
  name: 'job',
  bundles: { x86_64: blob },
  command: ['run', '{index}'],
  tasks: { count: 3 },
});

const rows = { manifest: { sha256, sizeBytes: 9 }, columns: ['a b'] };

type Changes = Parameters<typeof JobSpec.fromPartial>[0];

function check(changes: Changes, isDraft = false): readonly string[] {
  const { violations } = checkSpec(JobSpec.fromPartial({ ...good, ...changes }), isDraft);
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `o${at}`);
const range = 'wanted one of armv6l, armv7l, aarch64, x86_64, found';
const bytes = 'wanted bytes with a unit, such as 64 MB (B, kB, MB, GB, KiB, MiB, GiB), found';
const inside = 'wanted a path inside the work folder, found';

const mistakes: readonly (readonly [Changes, string])[] = [
  [{ name: '' }, 'name: wanted 1 to 63 letters, digits, ".", "_" or "-", found nothing'],
  [
    { name: 'x'.repeat(64) },
    `name: wanted 1 to 63 letters, digits, ".", "_" or "-", found "${'x'.repeat(64)}"`,
  ],
  [{ bundles: {} }, 'bundles: wanted a bundle for one architecture at least, found none'],
  [{ bundles: { arm64: blob } }, `bundles["arm64"]: ${range} "arm64": did you mean aarch64?`],
  [{ bundles: { sparc: blob } }, `bundles["sparc"]: ${range} "sparc"`],
  [{ bundles: { x86_64: {} } }, 'bundles["x86_64"]: wanted a file (or a blob), found neither'],
  [
    { bundles: { x86_64: { source: { $case: 'file', value: 'a' } } } },
    'bundles["x86_64"].file: wanted a blob: upload it first, as punnet submit does',
  ],
  [
    { bundles: { x86_64: { source: { $case: 'blob', value: { sha256: 'x', sizeBytes: 1 } } } } },
    'bundles["x86_64"].blob: wanted a sha256 of 64 hexadecimal digits and a size',
  ],
  [
    {
      disk: '1 MB',
      sharedInputs: [600_001, 400_000].map((sizeBytes, at) => ({
        path: `in${at}`,
        source: { $case: 'blob' as const, value: { sha256, sizeBytes } },
      })),
    },
    'disk: wanted at least 1000001 B, for sharedInputs, found 1000000 B',
  ],
  [
    { checkpoint: true, sharedInputs: [{ ...blob, path: 'checkpoint/start' }] },
    'sharedInputs[0].path: "checkpoint/start" is in the folder of the checkpoint: wanted another path',
  ],
  [{ network: 'lan' }, 'network: wanted "none", "federation" or "internet", found "lan"'],
  [{ network: 'internet' }, 'profile.internet: wanted 10 kB to 100 GB, found ""'],
  [
    { network: 'internet', profile: { work: '', output: '', internet: '9 kB' } },
    'profile.internet: wanted 10 kB to 100 GB, found "9 kB"',
  ],
  [
    { profile: { work: '', output: '', internet: '1 MB' } },
    'profile.internet: is for network: internet: leave it out, or ask for that',
  ],
  [{ command: [] }, 'command: wanted a program, found none'],
  [{ command: [''] }, 'command: wanted a program, found none'],
  [{ command: many(257) }, 'command: wanted at most 256 words, found 257'],
  [{ command: ['a\0b'] }, 'command[0]: wanted at most 4096 characters, none of them NUL'],
  [
    { command: ['a', '{idx}'] },
    'command[1]: there is no placeholder {idx}; with tasks.count there is only {index}, and {{ for a brace',
  ],
  [
    { command: ['a', '{inptu}'], tasks: { manifest: { sha256, sizeBytes: 9 } } },
    'command[1]: there is no placeholder {inptu}; there are {index}, {input}, {input.name}, {input.stem}, and {{ for a brace',
  ],
  [
    { command: ['a', '{tmep}'], tasks: { ...rows, columns: ['temp', 'rate'] } },
    'command[1]: there is no placeholder {tmep}; with tasks.rows there are {index}, {temp}, {rate}, and {{ for a brace',
  ],
  [
    { command: ['a', '{input}'], tasks: rows },
    'command[1]: {input} wants tasks.inputs or tasks.outputsOf; with tasks.rows there are {index}, {a b}',
  ],
  [
    { command: ['a', '{input}'] },
    'command[1]: {input} wants tasks.inputs or tasks.outputsOf; with tasks.count there is only {index}',
  ],
  [
    { tasks: { rows: 'p.csv', columns: ['a'] } },
    'tasks.rows: wanted a manifest: upload it first, as punnet submit does',
  ],
  [
    { tasks: { count: 1, columns: ['a'] } },
    'tasks.columns: columns come with tasks.rows, found none',
  ],
  [
    { environment: { A: '{b}' } },
    'environment["A"]: there is no placeholder {b}; with tasks.count there is only {index}, and {{ for a brace',
  ],
  [
    { tasks: {} },
    'tasks: wanted a count of 1 or more, inputs, rows or outputsOf, found none of them',
  ],
  [
    { tasks: { count: 1, inputs: ['a'] } },
    'tasks: wanted a count of 1 or more, inputs, rows or outputsOf, found count and inputs',
  ],
  [{ keepOutputs: 'here' }, 'keepOutputs: wanted "origin" or "site", found "here"'],
  [
    { keepOutputs: 'site', outputs: ['a'] },
    'keepOutputs: wanted a site beside it: name it in site',
  ],
  [
    { keepOutputs: 'site', site: 'attic', outputs: [] },
    'keepOutputs: wanted outputs beside it, found none',
  ],
  [{ outputs: ['../x'] }, `outputs[0]: ${inside} "../x"`],
  [{ outputs: ['/x'] }, `outputs[0]: ${inside} "/x"`],
  [{ outputs: ['a//b'] }, `outputs[0]: ${inside} "a//b"`],
  [{ outputs: [''] }, `outputs[0]: wanted a path inside the work folder, found nothing`],
  [{ outputs: ['a', 'b', 'a'] }, 'outputs[2]: "a" is there twice'],
  [{ outputs: many(65) }, 'outputs: wanted at most 64, found 65'],
  [{ sharedInputs: [{ ...blob, path: 'a/../b' }] }, `sharedInputs[0].path: ${inside} "a/../b"`],
  [
    {
      sharedInputs: [
        { ...blob, path: 'a' },
        { ...blob, path: 'a' },
      ],
    },
    'sharedInputs[1].path: "a" is there twice',
  ],
  [{ memory: '64' }, `memory: ${bytes} "64"`],
  [{ memory: '64 mb' }, `memory: ${bytes} "64 mb": did you mean 64 MB?`],
  [{ memory: '-1 MB' }, `memory: ${bytes} "-1 MB"`],
  [{ memory: '1 kB' }, 'memory: wanted 1 MB to 1000 GB, found "1 kB"'],
  [{ timeout: '0 s' }, 'timeout: wanted 1 s to 20 days, found "0 s"'],
  [{ timeout: '21 days' }, 'timeout: wanted 1 s to 20 days, found "21 days"'],
  [
    { timeout: '5 hours' },
    'timeout: wanted a time with a unit, such as 10 min (s, min, h, days), found "5 hours": did you mean 5 h?',
  ],
  [{ lostAfter: '10 s' }, 'lostAfter: wanted 1 min to 1 day, found "10 s"'],
  [
    { profile: { work: '20 GHz' } },
    'profile.work: wanted work with a unit, such as 20 GHz*s (GHz*s, GHz*min, GHz*h), found "20 GHz": did you mean 20 GHz*s?',
  ],
  [{ retries: 101 }, 'retries: wanted 0 to 100, found 101'],
  [{ environment: { 'A-B': 'x' } }, 'environment["A-B"]: wanted a name of letters, digits and "_"'],
  [{ environment: { A: 'x\0' } }, 'environment["A"]: wanted a value without NUL'],
  [
    { environment: { A: 'x'.repeat(24_000) } },
    ': wanted command, environment, outputs and sharedInputs of at most 24000 characters together',
  ],
];

const noTasks = {
  tasks: undefined,
  service: { replicas: 3, rates: { cpu: '0.5 GHz', down: '200 kbit/s' } },
};

const serviceMistakes: readonly (readonly [Changes, string])[] = [
  [
    { outputs: ['a'] },
    'outputs: a replica never ends by itself, and brings no outputs: leave it out',
  ],
  [
    { profile: { work: '1 GHz*s' } },
    'profile: a service has service.rates instead of a profile: leave it out',
  ],
  [
    { network: 'internet' },
    'service.rates.up: with network: internet wanted what a replica moves, found nothing',
  ],
  [{ timeout: '1 h' }, 'timeout: a replica runs for as long as the service does: leave it out'],
  [{ retries: 0 }, 'retries: a replica is placed again as often as it ends: leave it out'],
  [{ after: ['a'] }, 'after: a service waits for no other job: leave it out'],
  [{ deadline: '1 h' }, 'deadline: a service has no end that could be late: leave it out'],
  [{ tasks: { count: 1 } }, 'tasks: a service has service.replicas instead of tasks: leave it out'],
  [
    { command: ['a', '{input}'] },
    'command[1]: {input} wants tasks.inputs or tasks.outputsOf; with service there is only {index}',
  ],
  [{ service: { replicas: 0 } }, 'service.replicas: wanted 1 to 1000, found 0'],
  [{ service: { replicas: 1001 } }, 'service.replicas: wanted 1 to 1000, found 1001'],
  [
    { service: { replicas: 1, rates: { cpu: '1 ghz' } } },
    'service.rates.cpu: wanted a speed with a unit, such as 0.5 GHz (MHz, GHz), found "1 ghz": did you mean 1 GHz?',
  ],
  [
    { service: { replicas: 1, rates: { up: '0 bit/s' } } },
    'service.rates.up: wanted more than nothing, found "0 bit/s": leave it out',
  ],
];

test.each([
  ...mistakes,
  ...serviceMistakes.map(([changes, told]) => [{ ...noTasks, ...changes }, told] as const),
])('%j is refused', (changes, told) => {
  expect(check(changes)).toEqual([told]);
});

test.each([
  { name: 'x'.repeat(63) },
  { command: many(256) },
  { command: ['a', '{{input}', '{{}'] },
  { outputs: many(64) },
  { outputs: ['a/{index}.txt', '..a'] },
  { memory: '1 MB', disk: '1000 GB', timeout: '20 days', lostAfter: '1 min', retries: 100 },
  { memory: '1.5GiB', timeout: ' 10 min ' },
  noTasks,
  { ...noTasks, service: { replicas: 1000 }, priority: 5, memory: '1 GB', lostAfter: '1 min' },
  { tasks: { manifest: { sha256, sizeBytes: 9 } }, command: ['a', '{input}', '{input.stem}'] },
  {
    tasks: rows,
    command: ['a', '{a b}'],
    environment: { A: '{a b}' },
    outputs: ['{a b}.txt'],
  },
])('%j is taken', (changes) => {
  expect(check(changes)).toEqual([]);
});

test('a draft may name files and inputs; all mistakes are told at once', () => {
  const file = { source: { $case: 'file' as const, value: 'a.tar' } };
  expect(check({ bundles: { x86_64: file }, tasks: { inputs: ['*.txt'] } }, true)).toEqual([]);
  expect(check({ name: '', command: [], memory: 'x', retries: 1_000 })).toHaveLength(4);
});

test('what was submitted is shown again, with what was left out', () => {
  const { checked } = checkSpec(JobSpec.fromPartial({ ...good, timeout: '90 s' }), false);
  expect(toSpec(checked.template)).toMatchObject({
    ...{ name: 'job', command: ['run', '{index}'], tasks: { count: 3 } },
    ...{ timeout: '90 s', memory: '64 MB', disk: '100 MB', retries: 3, lostAfter: '15 min' },
  });
});

test('what its tasks move over the internet is shown as it was submitted', () => {
  const profile = { work: '', output: '', internet: '20 MB' };
  const spec = JobSpec.fromPartial({ ...good, network: 'internet', profile });
  const { checked } = checkSpec(spec, false);
  expect(checked.template).toMatchObject({ network: 'internet', internetBytes: 20e6 });
  expect(toSpec(checked.template)).toMatchObject({ network: 'internet', profile });
});

test('a service is shown as it was submitted', () => {
  const { checked } = checkSpec(JobSpec.fromPartial({ ...good, ...noTasks }), false);
  expect(checked.template).toMatchObject({
    ...{ taskCount: 3, timeoutMs: 2 ** 31 - 1 },
    service: { rates: { cpuGhz: 0.5, downBps: 200_000, upBps: 0 } },
  });
  expect(toSpec(checked.template)).toMatchObject({
    ...{ tasks: undefined, profile: undefined, retries: undefined, timeout: '' },
    service: { replicas: 3, rates: { cpu: '0.5 GHz', down: '200 kbit/s', up: '' } },
  });
});
