// An agent's part in the proof of a LAN, over real sockets: two of them find each other, and nothing
// leads one elsewhere.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, test } from 'vitest';
import { isNeighbour } from '../../../agent/adapters/lan/neighbour.ts';
import { LanTasks } from '../../../agent/adapters/lan/lan-tasks.ts';
import { LanAnswer } from '../../../proto/gen/punnet/v1/agent.ts';
import type { LanTask } from '../../../proto/gen/punnet/v1/agent.ts';

const proofId = 'abcdefghijklmnop';
const nonce = Buffer.alloc(32, 7);
const running: LanTasks[] = [];
afterEach(() => running.splice(0).forEach((each) => each.close()));

interface Agent {
  readonly tasks: LanTasks;
  /** What nobody has heard yet. */
  readonly said: LanAnswer[];
  readonly next: () => Promise<LanAnswer>;
}

/** An agent on the loopback's network, which no real LAN has. */
function agent(address: string): Agent {
  const said: LanAnswer[] = [];
  let heard: () => void = () => undefined;
  const tasks = new LanTasks({
    ownLan: () => ({ address, network: '127.0.0.0/8' }),
    isNeighbour: (other) => other.startsWith('127.') && other !== address,
    say: (answer) => {
      said.push(answer);
      heard();
    },
    nowMs: () => performance.now(),
  });
  running.push(tasks);
  const next = async (): Promise<LanAnswer> => {
    while (said.length === 0) await new Promise<void>((resolve) => (heard = resolve));
    return said.shift() ?? LanAnswer.fromPartial({});
  };
  return { tasks, said, next };
}

function task(changes: Partial<LanTask>): LanTask {
  return { proofId, nonce: Buffer.alloc(0), address: '', port: 0, ...changes };
}

describe('two agents on one LAN', () => {
  it('prove it: one serves the nonce, the other has it at once', async () => {
    const [one, other] = [agent('127.0.0.1'), agent('127.0.0.2')];
    one.tasks.take(task({ nonce }));
    const { address, port } = await one.next();
    expect(address).toBe('127.0.0.1');
    other.tasks.take(task({ address, port }));
    const answer = await other.next();
    expect(Buffer.from(answer.nonce)).toEqual(nonce);
    expect(answer.roundTripUs).toBeGreaterThan(0);
    expect(answer.roundTripUs).toBeLessThan(1_000_000);
  });

  it('nobody else is told, who does not know which proof it is', async () => {
    const one = agent('127.0.0.1');
    one.tasks.take(task({ nonce }));
    const { port } = await one.next();
    const stranger = connect({ host: '127.0.0.1', port });
    stranger.write('GET / HTTP/1.1\\r\\n\\r\\n');
    let told = 0;
    stranger.on('data', (bytes) => (told += bytes.length));
    stranger.on('error', () => undefined);
    await once(stranger, 'close');
    expect(told).toBe(0);
  });

  it('no more than a few proofs go on at a time', async () => {
    const one = agent('127.0.0.1');
    for (let each = 0; each < 10; each += 1) {
      one.tasks.take(task({ proofId: `abcdefghijklmno${each}`, nonce }));
    }
    for (let each = 0; each < 4; each += 1) await one.next();
    one.tasks.close();
    expect(one.said).toEqual([]);
  });
});

test('one that answers a flood, or nothing, tells nothing', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(Buffer.alloc(100_000));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const other = agent('127.0.0.2');
  const { port } = server.address() as AddressInfo;
  other.tasks.take(task({ address: '127.0.0.1', port }));
  await once(server, 'connection');
  server.close();
  await once(server, 'close');
  expect(other.said).toEqual([]);
});

const home = { address: '192.168.1.11', network: '192.168.1.0/24' };
test.each([
  ['192.168.1.12', home, true],
  ['192.168.1.11', home, false],
  ['192.168.2.12', home, false],
  ['203.0.113.10', home, false],
  ['127.0.0.1', home, false],
  ['::1', home, false],
  ['router', home, false],
  ['10.20.0.1', { address: '10.1.2.3', network: '10.0.0.0/8' }, true],
  ['172.20.0.1', { address: '172.16.0.9', network: '172.16.0.0/12' }, true],
  // A node with a public address: its neighbours are strangers.
  ['203.0.113.11', { address: '203.0.113.12', network: '203.0.113.0/24' }, false],
] as const)('%s is a neighbour of %j: %s', (address, own, is) => {
  expect(isNeighbour(address, own)).toBe(is);
});
