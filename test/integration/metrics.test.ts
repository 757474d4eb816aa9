// The operator's port of a real scheduler with real agents at work: what it tells, and that alert
// rules and dashboard ask for nothing that is not there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { longTestMs } from './program.ts';
import { Rig, root, until } from './rig.ts';
import { runToEnd } from '../run-to-end.ts';

let rig: Rig;
/** The address of /metrics, as the scheduler's log tells it. */
let url = '';
/** An answer after a job has run. */
let answer = '';

const rules = join(root, 'deploy/prometheus/punnet.rules.yml');
const dashboard = join(root, 'deploy/grafana/punnet.json');
const promtool = ['/usr/bin/promtool', join(root, 'tools/promtool/usr/bin/promtool')].find(
  existsSync,
);
const noPromtool = 'promtool is not here: node tools/setup.mjs --for test fetches it';

beforeAll(async () => {
  rig = await Rig.start();
  const ready = rig.scheduler.lines.find((line) => line.includes('"msg":"ready"')) ?? '';
  url = /"metrics":"([^"]+)"/.exec(ready)?.[1] ?? '';
  await rig.addNodes(['one', 'two'], { slots: 2 });
  const file = rig.jobFile('echo done > out.txt', { tasks: { count: 6 }, outputs: ['out.txt'] });
  const { jobId } = await rig.submit(file);
  await rig.untilSucceeded(jobId);
  answer = await text(url);
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

async function text(address: string): Promise<string> {
  return (await fetch(address)).text();
}

function valueOf(series: string): number | undefined {
  const line = answer.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const values: readonly (readonly [string, (value: number) => boolean])[] = [
  ['punnet_jobs{state="succeeded"}', (value) => value === 1],
  ['punnet_jobs{state="active"}', (value) => value === 0],
  ['punnet_tasks{state="succeeded"}', (value) => value === 6],
  ['punnet_tasks{state="waiting"}', (value) => value === 0],
  ['punnet_leases{phase="running"}', (value) => value === 0],
  ['punnet_nodes{health="healthy",architecture="x86_64"}', (value) => value === 2],
  ['punnet_placements_total{site="here"}', (value) => value === 6],
  ['punnet_site_nodes{site="here"}', (value) => value === 2],
  ['punnet_site_slots{site="here"}', (value) => value === 4],
  ['punnet_site_carried_bytes_total{site="here",direction="down"}', (value) => value > 0],
  ['punnet_site_carried_bytes_total{site="here",direction="up"}', (value) => value > 0],
  [
    'punnet_site_uplink_bytes_per_second{site="here",direction="up",source="declared"}',
    (value) => value === 125e6,
  ],
  ['punnet_report_age_max_seconds', (value) => value >= 0],
  ['punnet_exchange_unfound_chunks_total', (value) => value === 0],
  ['punnet_journal_append_seconds_count', (value) => value > 10],
  ['punnet_journal_written_bytes_total', (value) => value > 1_000],
  ['punnet_journal_lag_bytes', (value) => value >= 0],
  ['punnet_loop_batch_seconds_count', (value) => value > 10],
  ['punnet_loop_batch_commands_sum', (value) => value > 10],
  ['punnet_snapshot_pause_seconds_count', (value) => value === 0],
  ['punnet_blobs_removed_total', (value) => value === 0],
  ['punnet_blobs_damaged_total', (value) => value === 0],
  ['punnet_blobs_scan_end_seconds', (value) => value > 1.7e9],
  ['process_resident_memory_bytes', (value) => value > 1e7],
];

test.each(values)('%s is told', (series, isRight) => {
  const value = valueOf(series);
  expect(value, answer).toBeDefined();
  expect(value === undefined ? false : isRight(value), `${series} is ${value}`).toBe(true);
});

test('a waiting job that no node can run, why they refuse it, and a refused command are told', async () => {
  const file = rig.jobFile('true', { tasks: { count: 1 }, memory: '900 GB' });
  const { jobId } = await rig.submit(file);
  const made = await rig.punnet('token', 'create', '--node', '--site', 'nowhere');
  expect(made.code).not.toBe(0);
  answer = await text(url);
  expect(valueOf('punnet_jobs_without_node')).toBe(1);
  expect(valueOf('punnet_placement_refusals{reason="memory"}')).toBe(2);
  expect(valueOf('punnet_commands_refused_total{code="not_found"}'), answer).toBe(1);
  expect((await rig.punnet('cancel', jobId)).code).toBe(0);
});

test('promtool finds nothing to say about the answer or the rules', (context) => {
  if (promtool === undefined) return context.skip(noPromtool);
  const checked = runToEnd(promtool, ['check', 'metrics'], { input: answer });
  expect({ status: checked.status, said: checked.stdout + checked.stderr }).toEqual({
    status: 0,
    said: '',
  });
  expect(runToEnd(promtool, ['check', 'rules', rules]).stdout).toMatch(/SUCCESS: \d+ rules found/);
});

/** Names of metrics in PromQL: ours, and those of Node and the process. */
function namesIn(source: string): readonly string[] {
  return [...new Set(source.match(/\b(?:punnet|process|nodejs)_[a-z0-9_]+/g))].sort();
}

test('rules and dashboard ask only for what is told', () => {
  // Written by us, and read by Grafana.
  const { panels } = JSON.parse(readFileSync(dashboard, 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
  // Some have a series only while something is refused.
  const typed = [...answer.matchAll(/^# TYPE (\w+)/gm)].map(([, name = '']) => name);
  const told = new Set([...typed, ...(answer.match(/^[a-z0-9_]+/gm) ?? [])]);
  const expressions = readFileSync(rules, 'utf8').replaceAll(/^\s*(summary|action):.*$/gm, '');
  const names = namesIn(asked + expressions);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !told.has(name))).toEqual([]);
});

test('it is alive and ready, reads only, and is not ready while nats-server is away', async () => {
  const address = (path: string): string => url.replace(/metrics$/, path);
  expect(await text(address('healthz'))).toBe('ok\n');
  expect(await text(address('readyz'))).toBe('ok\n');
  expect((await fetch(address('elsewhere'))).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  process.kill(rig.natsPid(), 'SIGKILL');
  await until('it is not ready', async () => {
    const { status } = await fetch(address('readyz'));
    return status === 503 ? true : undefined;
  });
  await until('it is ready again', async () => {
    const { status } = await fetch(address('readyz'));
    return status === 200 ? true : undefined;
  });
});
