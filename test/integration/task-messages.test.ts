// Tasks of one job say something to each other from within real sandboxes, through real agents and the bus;
// the one that waits survives its agent.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one', 'two'], { slots: 1 });
});
afterAll(() => rig.stop());
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});

const ask = 'curl -sS --unix-socket "$PUNNET_SOCKET"';

it('a task hears what another one says, though its agent was killed and came back', async () => {
  const script = `if [ "$1" = 0 ]; then
      touch waits
      until [ -e go ]; do sleep 0.1; done
      until ${ask} -D head "http://a/v1/messages?wait=5" >heard 2>/dev/null && [ -s heard ]; do sleep 0.1; done
      grep -i punnet-task head | tr -d "\\r" >out.txt; cat heard >>out.txt
    else
      until [ "$(cat acknowledged 2>/dev/null)" = enough ]; do
        ${ask} -d "greetings of $1" "http://a/v1/tasks/0/messages" >out.txt
        ${ask} "http://a/v1/messages?wait=1" >acknowledged
      done
    fi
    [ "$1" = 1 ] || ${ask} -d enough "http://a/v1/tasks/1/messages" >said.txt`;
  const spec = { network: 'federation', outputs: ['out.txt'], tasks: { count: 2 } };
  const { jobId } = await rig.submit(rig.jobFile(script, spec));
  await rig.untilJob(jobId, ({ counts }) => counts?.running === 2);
  const tasks = await rig.tasks(jobId);
  const name = tasks[0]?.nodeName === 'two' ? 'two' : 'one';
  const node = rig.node(name);
  const waits = join(node.state, await rig.untilFile(node.state, 'work/waits'));
  await node.agent.kill('SIGKILL');
  node.agent = rig.agent(name);
  await node.agent.said('"started"');
  writeFileSync(join(dirname(waits), 'go'), '');
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'fetched');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/out.txt'), 'utf8')).toBe('punnet-task: 1\ngreetings of 1');
});

it('a job that did not ask for it finds no socket', async () => {
  const script = 'ls -d /punnet >out.txt 2>&1 || true; echo "${PUNNET_SOCKET:-none}" >>out.txt';
  const { jobId } = await rig.submit(
    rig.jobFile(script, { outputs: ['out.txt'], tasks: { count: 1 } }),
  );
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'fetched-none');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/out.txt'), 'utf8')).toMatch(/No such file.*\nnone\n$/s);
});
