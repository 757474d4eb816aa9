// What an owner does at a running agent: looks, pauses, sets limits, makes a mistake in the file.
// Each takes effect without a restart.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Rig, type Ran } from '../../integration/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['home']);
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

function agent(command: string, ...words: readonly string[]): Promise<Ran> {
  return rig.call('punnet-agent.cjs', command, ...words, '--state', rig.node('home').state);
}

function setLimits(text: string): void {
  writeFileSync(join(rig.node('home').state, 'limits.json'), text);
}

/** Waits until the scheduler has heard why the node takes no task; undefined: it takes some. */
async function untilRefusal(code: string | undefined): Promise<string> {
  const node = await rig.untilNode(
    'home',
    ({ status }) => status !== undefined && status.notAccepting?.code === code,
  );
  return node.status?.notAccepting?.reason ?? '';
}

const untilStatus = (words: RegExp): Promise<string> => rig.untilStatus('home', words);

test('the only Pi of a household is given all of its month, and keeps it over a start', async () => {
  await rig.untilNode('home', ({ status }) => status?.month?.allotmentBytes === 10e9);
  expect((await agent('status')).out).toMatch(/used 0\.00 GB of 10\.00 GB of your line/);
  setLimits(JSON.stringify({ slots: 1, monthlyBytes: 4e9 }));
  await rig.untilNode('home', ({ status }) => status?.month?.allotmentBytes === 4e9);
  setLimits(JSON.stringify({ slots: 1 }));
});

/** One task that runs until its job is cancelled. */
async function endlessJob(): Promise<string> {
  const file = rig.jobFile('exec sleep 1000', { tasks: { count: 1 } });
  return (await rig.submit(file)).jobId;
}

test('a pause lets the running task stand still, and starts none', async () => {
  const jobId = await endlessJob();
  const busy = await untilStatus(/, running/);
  expect(busy).toMatch(/^Node n\w+ of punnet, site here: connected\.\nIt takes tasks on 1 slot/);
  expect(busy).toMatch(/\n {2}lease \d+: task 0 of job\d+ \(.+\), running\n$/);
  expect(await agent('pause')).toMatchObject({ code: 0 });
  expect(await untilRefusal('paused')).toMatch(/owner has paused/);
  const waiting = await rig.submit(rig.jobFile('true', { tasks: { count: 1 } }));
  expect((await rig.punnet('explain', waiting.jobId)).out).toMatch(/owner has paused/);
  expect(await untilStatus(/takes no task: its owner has paused it/)).toMatch(
    /, running, stands still/,
  );
  expect((await agent('limits')).out).toMatch(/isPaused +true +set/);
  expect(await agent('resume')).toMatchObject({ code: 0 });
  await untilRefusal(undefined);
  await rig.punnet('cancel', jobId);
  await rig.untilSucceeded(waiting.jobId);
});

test('a mistake in the file is told everywhere; what runs goes on', async () => {
  const jobId = await endlessJob();
  await untilStatus(/, running/);
  setLimits('{"slots": -1}');
  expect(await untilRefusal('limits')).toMatch(/slots: wanted a number, 0 or more, found -1/);
  expect(await untilStatus(/takes no task: .*slots: wanted a number/)).toMatch(/, running/);
  for (const command of ['limits', 'pause', 'resume']) {
    const { code, err } = await agent(command);
    expect(code).toBe(2);
    expect(err).toMatch(/^punnet-agent: .*slots: wanted a number[^\n]*\n$/);
  }
  setLimits('{}');
  await untilRefusal(undefined);
  expect(await rig.status('home')).toMatch(/, running/);
  await rig.punnet('cancel', jobId);
});

test('a name that it does not know is told, and the rest of the file holds', async () => {
  setLimits('{"fanSpeed": 3, "monthlyBytes": 3e9}');
  const said = await untilStatus(
    /\nAmiss: limits.json names "fanSpeed", which this agent does not/,
  );
  expect(said).toMatch(/It takes tasks on [^]*of 3\.00 GB of your line/);
  expect(rig.node('home').agent.tail()).toContain('"event":"limits not known"');
  const { code, err } = await agent('limits');
  expect(code).toBe(2);
  expect(err).toMatch(/^punnet-agent: .*no limit "fanSpeed"; there are isPaused[^\n]*\n$/);
  setLimits('{}');
  await untilStatus(/connected(?![^]*Amiss)/);
});

test('no task starts that would outlast the hours, and the researcher hears why', async () => {
  const at = (minutes: number): string =>
    new Date(Date.now() + minutes * 60_000).toTimeString().slice(0, 5);
  setLimits(JSON.stringify({ hours: [[at(-60), at(30)]] }));
  await rig.untilNode('home', ({ status }) => status?.hoursLeftMs !== undefined);
  const { jobId } = await rig.submit(
    rig.jobFile('true', { tasks: { count: 1 }, profile: { work: '100 GHz*h' }, timeout: '1 h' }),
  );
  expect((await rig.punnet('explain', jobId)).out).toMatch(
    /its owner's hours end in (29|30|31) min, and a task needs 1 h/,
  );
  setLimits('{}');
  await rig.untilSucceeded(jobId);
});

test('outside the hours the running task ends, and waits for another node', async () => {
  const jobId = await endlessJob();
  await untilStatus(/, running/);
  const inTwoHours = new Date(Date.now() + 2 * 3_600_000).toTimeString().slice(0, 5);
  const inThreeHours = new Date(Date.now() + 3 * 3_600_000).toTimeString().slice(0, 5);
  setLimits(JSON.stringify({ hours: [[inTwoHours, inThreeHours]] }));
  expect(await untilRefusal('hours')).toMatch(/outside its owner's hours/);
  await rig.untilJob(jobId, (job) => job.counts?.waiting === 1);
  expect((await rig.tasks(jobId))[0]).toMatchObject({ endCode: 'owner', failures: 0, losses: 1 });
  expect(await rig.status('home')).not.toMatch(/lease/);
  await rig.punnet('cancel', jobId);
  setLimits('{}');
  await untilRefusal(undefined);
});

test('what its owner says of place and cores is told at once', async () => {
  const household = 'ab'.repeat(16);
  setLimits(JSON.stringify({ household, cpuShare: 0.5 }));
  await rig.untilNode('home', ({ inventory }) => inventory?.cpuShare === 0.5);
  setLimits('{}');
  await rig.untilNode('home', ({ inventory }) => inventory?.cpuShare === undefined);
});

test("the node is as large as its owner's part of it", async () => {
  setLimits(
    JSON.stringify({
      ...{ memoryBytes: 50_000_000, slots: 0, cpuShare: 0.25 },
      uplink: { downBps: 3e6, upBps: 1e6 },
    }),
  );
  const { status, inventory } = await rig.untilNode(
    'home',
    (node) => node.inventory?.memoryBytes === 50_000_000,
  );
  expect(status).toMatchObject({ slots: 0, notAccepting: { code: 'slots' } });
  expect(inventory?.speedGhz).toBeCloseTo(0.25 * 1.2);
  expect(inventory?.cpuShare).toBe(0.25);
  const shown = await rig.punnet('node', 'home');
  expect(shown.out).toMatch(/slot speed +0\.30 GHz \(its owner leaves 25% of a core\)/);
  expect(status?.uplink).toMatchObject({ downBps: 3e6, upBps: 1e6, source: 2, spread: 0 });
  const { jobId } = await rig.submit(rig.jobFile('true', { tasks: { count: 1 }, memory: '60 MB' }));
  expect((await rig.punnet('explain', jobId)).out).toMatch(/60 MB of memory/);
  await rig.punnet('cancel', jobId);
  setLimits('{}');
  const guessed = await rig.untilNode('home', (node) => node.status?.uplink?.source === 1);
  expect(guessed.status?.uplink).toMatchObject({ spread: 1 });
});

test.each<readonly [readonly string[], number, RegExp]>([
  [['--help'], 0, /^punnet-agent: runs tasks/],
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [[], 0, /punnet-agent enrol URL TOKEN/],
  [['dance'], 2, /There is no command dance/],
  [['run', '--state', '/nowhere'], 2, /\/nowhere is not there: enrol this node first/],
  [['status', '--state', '/nowhere'], 2, /\/nowhere is not there: enrol this node first/],
  [['run', '--speed', '9'], 2, /Unknown option '--speed'/],
  [['enrol', 'https://localhost:1'], 2, /enrol wants an address and a token/],
  [['enrol', 'localhost', 'pnt_0'], 2, /localhost is no address to enrol at/],
  [['enrol', 'https://localhost:1', 'pnt_0'], 2, /This is not a token/],
])('punnet-agent %j ends with %i and says what to do', async (words, wanted, text) => {
  const name = 'state-of-nobody';
  const given = words[0] === 'enrol' ? ['--state', join(rig.folder, name)] : [];
  const { code, out, err } = await rig.call('punnet-agent.cjs', ...words, ...given);
  expect(code).toBe(wanted);
  expect(out + err).toMatch(text);
  expect(out + err).not.toMatch(/\n {4}at /);
});

test('a second agent on one folder is refused', async () => {
  const { code, err } = await agent('run');
  expect(code).toBe(2);
  expect(err).toMatch(/Another agent runs on .*home/);
});
