// What is near is known before anything is far, does not grow, and is not looked for at each request.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Near, type NearOptions } from '../../../agent/adapters/internet/near.ts';
import { nearNetworks } from '../../../agent/adapters/internet/near-networks.ts';

const home = '192.0.9.77';
const networks = nearNetworks({ routes: '', routes6: '', cidrs: ['193.0.5.2/24'] });

function failing(code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(`no answer: ${code}`), { code }));
}

function fail(words: string): never {
  throw new Error(words);
}

function rig(changes: Partial<NearOptions> = {}) {
  const clock = { nowMs: 0, reads: 0 };
  const near = new Near({
    readNetworks: () => {
      clock.reads += 1;
      return networks;
    },
    lookUp: async () => ['192.0.9.99'],
    federationHosts: () => ['core.test'],
    ownAddress: async () => home,
    isInOverlay: (address) => address.startsWith('2a0f:1:'),
    nowMs: () => clock.nowMs,
    ...changes,
  });
  const isNear = async (address: string): Promise<boolean> => (await near.look())(address);
  return { near, clock, isNear };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each([
  ['193.0.5.9', true],
  [home, true],
  ['192.0.9.99', true],
  // An overlay whose prefix is of the whole internet.
  ['2a0f:1::9', true],
  ['2a0f:2::9', false],
  ['192.0.9.1', false],
])('%s: %j', async (address, expected) => {
  expect(await rig().isNear(address)).toBe(expected);
});

test('a name of the federation that is dead closes nothing', async () => {
  const lookUp = (host: string) =>
    host === 'dead.test' ? failing('ENOTFOUND') : Promise.resolve(['192.0.9.99']);
  const { near, isNear } = rig({ federationHosts: () => ['dead.test', 'core.test'], lookUp });
  expect(await isNear('192.0.9.1')).toBe(false);
  expect(await isNear('192.0.9.99')).toBe(true);
  expect(near.problem).toBeNull();
});

test.each<[string, Partial<NearOptions>]>([
  ['core.test', { lookUp: () => failing('EAI_AGAIN') }],
  ['the home on its line', { ownAddress: () => failing('ENOTFOUND') }],
  ['networks', { readNetworks: () => fail('no networks') }],
  // Nor is an answer lost that nobody waits for.
  ['hosts', { federationHosts: () => fail('no hosts'), ownAddress: () => failing('ENOTFOUND') }],
])('nothing is far while %s is not known, and the owner is told', async (name, changes) => {
  const { near, clock, isNear } = rig(changes);
  await expect(isNear('192.0.9.1')).rejects.toThrow(name);
  expect(near.problem).toContain(name);
  clock.nowMs += 600_000;
  expect(near.problem).toBeNull();
});

test('who failed asks again after 5 s, and knows then', async () => {
  let asked = 0;
  const ownAddress = () => {
    asked += 1;
    return asked === 1 ? failing('ECONNREFUSED') : Promise.resolve(home);
  };
  const { near, isNear } = rig({ ownAddress });
  await expect(isNear(home)).rejects.toThrow('ECONNREFUSED');
  await expect(isNear(home)).rejects.toThrow('ECONNREFUSED');
  expect(asked).toBe(1);
  vi.advanceTimersByTime(5_000);
  expect(await isNear(home)).toBe(true);
  expect([asked, near.problem]).toEqual([2, null]);
});

test('what is not found again stays near; what has gone is forgotten after an hour', async () => {
  let look = 0;
  const lookUp = () => (look === 1 ? failing('EAI_AGAIN') : Promise.resolve([`192.0.9.${look}`]));
  const { clock, isNear } = rig({ lookUp });
  for (; look < 12; look += 1) {
    expect(await isNear('192.0.9.1')).toBe(false);
    expect(await isNear('192.0.9.0')).toBe(look <= 6);
    clock.nowMs += 600_000;
  }
});

test('networks are read once a second, however often a task asks', async () => {
  const { clock, isNear } = rig();
  for (let at = 0; at < 20; at += 1) {
    await isNear(home);
    clock.nowMs += 50;
  }
  expect(clock.reads).toBe(1);
  await isNear(home);
  expect(clock.reads).toBe(2);
});
