// Outputs that stay at the site where they were made: two real agents at two sites, and the origin between them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Rig, until } from './rig.ts';

let rig: Rig;
let pictures: string;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['camera'], { site: 'reserve', slots: 2 });
  await rig.addNodes(['pi'], { site: 'town' });
});
afterEach((each) => {
  if (each.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

const bytes = 300_000;
const takePicture = `head -c ${bytes} /dev/urandom > picture`;

async function takePictures(name: string, count: number): Promise<string> {
  const spec = { name, site: 'reserve', keepOutputs: 'site', tasks: { count } };
  const { jobId } = await rig.submit(rig.jobFile(takePicture, { ...spec, outputs: ['picture'] }));
  await rig.untilSucceeded(jobId);
  return jobId;
}

/** Counts bytes of each picture where it is told to. */
function countJob(of: string, site: string): string {
  return rig.jobFile('wc -c < "$2" > "$3"', {
    ...{ site, tasks: { outputsOf: of }, outputs: ['{input.stem}.count'] },
    command: ['/bundle/run.sh', '{index}', '{input}', '{input.stem}.count'],
  });
}

async function isAtOrigin(jobId: string, index: number): Promise<boolean> {
  const { jobs } = rig.connection;
  const method = jobs.getTaskResult.bind(jobs);
  const { result } = await rig.connection.call(method, { jobId, index });
  const sha256 = result?.outputs[0]?.blob?.sha256 ?? '';
  return existsSync(join(rig.data, 'blobs', sha256.slice(0, 2), sha256));
}

const areAtOrigin = (jobId: string, count: number): Promise<readonly boolean[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => isAtOrigin(jobId, index)));

it('keeps pictures where they were taken, and counts them there', async () => {
  pictures = await takePictures('pictures', 3);
  expect(await areAtOrigin(pictures, 3)).toEqual([false, false, false]);
  const { jobId } = await rig.submit(countJob('pictures', 'reserve'));
  await rig.untilSucceeded(jobId);
  expect((await rig.tasks(jobId)).map((task) => task.nodeName)).toEqual(Array(3).fill('camera'));
  expect(await areAtOrigin(pictures, 3)).toEqual([false, false, false]);
  const to = join(rig.folder, 'counts');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '2/picture.count'), 'utf8')).toBe(`${bytes}\n`);
});

it('is backed up without what nodes keep', async () => {
  const backup = join(rig.folder, 'punnet.tar');
  const words = ['backup', backup, '--data', rig.data];
  expect(await rig.call('bin/punnet-scheduler.cjs', ...words)).toMatchObject({ code: 0 });
});

it('sends what the researcher fetches, and says what that waits for', async () => {
  const to = join(rig.folder, 'fetched');
  const fetched = await rig.punnet('fetch', pictures, '--tasks', '1', '--to', to);
  expect(fetched).toMatchObject({ code: 0 });
  expect(fetched.err).toContain(
    "outputs that stay on node camera (site reserve) are sent now, as fast as that site's uplink lets them",
  );
  expect(readFileSync(join(to, '1/picture'))).toHaveLength(bytes);
  expect(await areAtOrigin(pictures, 3)).toEqual([false, true, false]);
});

it('sends what a task elsewhere needs', async () => {
  const { jobId } = await rig.submit(countJob(pictures, 'town'));
  await rig.untilSucceeded(jobId);
  expect((await rig.tasks(jobId)).map((task) => task.siteId)).toEqual(Array(3).fill('town'));
  expect(await areAtOrigin(pictures, 3)).toEqual([true, true, true]);
});

it('waits for the only node that has them, says so, and goes on when it is back', async () => {
  const more = await takePictures('more', 1);
  await rig.node('camera').agent.kill('SIGKILL');
  await rig.untilNode('camera', (node) => node.health !== 2);
  // Of what came before the origin has a copy.
  const copied = await rig.submit(countJob(pictures, 'town'));
  await rig.untilSucceeded(copied.jobId);
  const { jobId } = await rig.submit(countJob(more, 'town'));
  const explained = await rig.punnet('explain', jobId);
  expect(explained.out).toMatch(
    /The input of task 0 is on node camera \(\S+, site reserve\) alone, which was last heard \d+ min ago\. What helps: that it comes back/,
  );
  const to = join(rig.folder, 'away');
  const away = await rig.punnet('fetch', more, '--to', to);
  expect(away.code).toBe(1);
  expect(away.err).toMatch(
    /This output of task 0 of job \w+ is on node camera \(site reserve\) alone, which was last heard \d+ min ago: try again when it is back\./,
  );
  const kept = await rig.punnet('delete', more);
  expect(kept.code).not.toBe(0);
  expect(kept.err).toContain(`Job ${jobId} takes outputs that stay where job ${more} made them`);
  rig.node('camera').agent = rig.agent('camera');
  await rig.untilSucceeded(jobId);
});

it('lets a deleted job go from the node', async () => {
  const record = join(rig.node('camera').state, 'kept', `${pictures}.jsonl`);
  expect(existsSync(record)).toBe(true);
  expect(await rig.punnet('delete', pictures)).toMatchObject({ code: 0 });
  await rig.node('camera').agent.kill('SIGTERM');
  rig.node('camera').agent = rig.agent('camera');
  await until('the record is gone', () => Promise.resolve(!existsSync(record) || undefined));
});

it('takes each output that was sent as the input of a task, and those of tasks that failed not', async () => {
  const { jobId: made } = await rig.submit(
    rig.jobFile('[ "$1" != 1 ]; mkdir out; echo "picture $1" > out/picture', {
      ...{ name: 'sent', site: 'reserve', tasks: { count: 3 }, outputs: ['out/picture'] },
      retries: 0,
    }),
  );
  await rig.untilJob(made, (job) => job.endedUnixMs > 0);
  const took = rig.jobFile('sed s/^/seen:\\ / "$2" > "$3"', {
    ...{ tasks: { outputsOf: 'sent' }, outputs: ['{input.stem}.txt'], site: 'town' },
    command: ['/bundle/run.sh', '{index}', '{input}', '{input.stem}.txt'],
  });
  const dry = await rig.punnet('submit', took, '--dry-run');
  expect(dry).toMatchObject({ code: 0 });
  const { jobId } = await rig.submit(took);
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'seen');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/picture.txt'), 'utf8')).toBe('seen: picture 0\n');
  expect(readFileSync(join(to, '1/picture.txt'), 'utf8')).toBe('seen: picture 2\n');
  const sites = [made, jobId].map(async (id) => (await rig.tasks(id)).map((task) => task.siteId));
  expect(await Promise.all(sites)).toEqual([
    ['reserve', 'reserve', 'reserve'],
    ['town', 'town'],
  ]);
});
