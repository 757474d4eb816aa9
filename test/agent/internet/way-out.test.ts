// A task with internet, in a real sandbox of an agent without rights, reaches servers of the internet, and of what is near
// nothing: not by a name, an address in any form, a redirect or IPv6, whatever the node itself could reach.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Network } from '../../../lab/network.ts';
import { HomeAndWorld, nearAddresses, publicAddress, publicAddress6 } from './home-and-world.ts';

const missing = Network.missing();
/** What waits longer than it computes. */
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
let home: HomeAndWorld | undefined;

beforeAll(async () => {
  if (missing !== undefined) return;
  home = new HomeAndWorld();
  await home.start();
}, 300_000);
afterAll(() => home?.stop(), 300_000);
beforeEach((context) => context.skip(missing !== undefined, missing));

function here(): HomeAndWorld {
  if (home === undefined) throw new Error('it has not started');
  return home;
}

const curl = 'curl -sS --max-time 60';

/** What several requests of one task print, a line each. */
async function lines(commands: readonly string[]): Promise<readonly string[]> {
  const script = commands.map((each) => `{ ${each}; } 2>&1 | tr '\\n' ' '; echo`).join('\n');
  const { exit, log } = await here().run(script);
  expect(exit).toMatchObject({ code: 'succeeded' });
  return log.split('\n');
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

describe('a task reaches', () => {
  test('the internet', { timeout: 300_000 }, async () => {
    const rows = [
      [`${curl} http://public.test/`, `reached ${publicAddress}`],
      [`${curl} http://${publicAddress}/`, `reached ${publicAddress}`],
      [`${curl} http://[${publicAddress6}]/`, `reached ${publicAddress6}`],
      // Through a tunnel, as HTTPS goes.
      [`${curl} -p http://public.test:443/`, `reached ${publicAddress}`],
      [`${curl} -L http://public.test/to?http%3A%2F%2F${publicAddress}%2F`, 'reached'],
      // Of a name with two addresses the one that is not near.
      [`${curl} http://mixed.test/`, `reached ${publicAddress}`],
      [`head -c 300000 /dev/zero | ${curl} -T - http://public.test/put`, 'reached'],
      [`${curl} -o /work/big http://public.test/big?bytes=500000; wc -c < /work/big`, '500000'],
    ];
    const found = await lines(rows.map(([command = '']) => command));
    expect(rows.map(([command], at) => [command, found[at]])).toEqual(
      rows.map(([command, expected]) => [command, expect.stringContaining(expected ?? '')]),
    );
  });

  test('nothing that is near, though its node does', { timeout: 300_000 }, async () => {
    const addresses = Object.values(nearAddresses).map((each) => `http://${bracketed(each)}/`);
    for (const url of addresses) {
      const seen = here().node.run(['curl', '-sS', '--noproxy', '*', '--max-time', '60', url]);
      expect(seen).toContain('reached');
    }
    const names = ['lan.test', 'lan6.test', 'loopback.test', 'core.test'];
    const forms = ['3232237313', '0xc0a80701', '0300.0250.7.1', '192.168.1793', '127.1', '0'];
    const others = ['[::ffff:192.168.7.1]', '[64:ff9b::c0a8:701]', '[2002:c0a8:701::1]'];
    const own = ['192.168.7.2:8080', '[2a0e:1111:2222:1::2]:8080', '127.0.0.1:8080', '[::1]:8080'];
    const written = [...names, ...forms, ...others, ...own].map((each) => `http://${each}/`);
    const urls = [...addresses, ...written];
    const redirects = urls.map((each) => `http://public.test/to?${encodeURIComponent(each)}`);
    // By requests, by tunnels, and where redirects lead.
    const { log } = await here().run(
      [
        `${curl} ${urls.map((each) => `'${each}'`).join(' ')} 2>&1`,
        `${curl} -p -w '\\n' ${urls.map((each) => `'${each}'`).join(' ')} 2>&1`,
        `${curl} -L ${redirects.map((each) => `'${each}'`).join(' ')} 2>&1`,
      ].join('\n'),
    );
    const found = log.split('\n').filter(Boolean);
    const words = /a task reaches|CONNECT tunnel failed, response 403/;
    expect(found.filter((each) => !words.test(each))).toEqual([]);
    expect(found.length).toBe(3 * urls.length);
  });

  test('nothing without the proxy', { timeout: 300_000 }, async () => {
    const direct = `${curl} --noproxy '*'`;
    const found = await lines([
      `${direct} http://${publicAddress}/`,
      `${direct} http://127.0.0.1:8080/`,
      `${direct} http://192.168.7.1/`,
      `ls ${here().folder}/state/attempts/*/internet`,
      'grep -c : /proc/net/dev',
    ]);
    for (const at of [0, 1, 2]) expect(found[at]).toMatch(/curl: \(7\)/);
    expect(found[3]).toMatch(/No such file/);
    expect(found[4]?.trim()).toBe('1');
  });
});

test(
  'what it moves is counted, and over its job twice is its end',
  { timeout: 300_000 },
  async () => {
    const script = `${curl} -o /dev/null http://public.test/big?bytes=900000 && echo whole; sleep 1`;
    const before = (await here().run('true')).bytes;
    const within = await here().run(script, { internetBytes: 1_000_000 });
    expect(within).toMatchObject({ exit: { code: 'succeeded' }, log: 'whole\n' });
    expect(within.bytes - before).toBeGreaterThan(900_000);
    const { exit } = await here().run(`${script}\n${script}`, { internetBytes: 1_000_000 });
    expect(exit.code).toBe('out_of_bytes');
    expect(exit.detail).toMatch(/moved 1000000 bytes over the internet.*profile\.internet/);
  },
);

describe('over time', () => {
  beforeEach((context) => context.skip(isShort, 'npm run test:lab runs it'));

  test('a replica keeps to its rates', { timeout: 300_000 }, async () => {
    const use = { maxBytes: 0, downBps: 800_000, upBps: 800_000 };
    const script = `${curl} -o /dev/null http://public.test/big?bytes=400000 && echo whole`;
    const { exit, log } = await here().run(script, { use });
    expect(log).toBe('whole\n');
    // 4 s, without what may go at once.
    expect(exit.wallMs).toBeGreaterThan(3_000);
  });

  test('a task has so many connections and no more', { timeout: 300_000 }, async () => {
    const open = `for i in $(seq 20); do (${curl} --max-time 8 http://public.test/slow >>out 2>&1 &); done`;
    const full = `${open}\nwhile ! grep -q 'at a time' out; do sleep 0.1; done; cat out`;
    // Those that have given up take no place for long.
    const later = `until ${curl} http://public.test/ | grep reached; do sleep 0.5; done`;
    const { log } = await here().run(`${full}\n${later}`);
    expect(log).toContain('a task has 16 connections at a time: wait');
    expect(log).toContain(`reached ${publicAddress}`);
  });

  test('a task has so many requests in a second and no more', { timeout: 300_000 }, async () => {
    const script = `${curl} $(yes http://127.0.0.1/ | head -n 90) | grep -c 'a task reaches'`;
    const { exit, log } = await here().run(script);
    expect(log).toBe('90\n');
    expect(exit.wallMs).toBeGreaterThan(2_000);
  });

  test('a task that says nothing is hung up on', { timeout: 300_000 }, async () => {
    const script = `exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET http' >&3; cat <&3; echo over`;
    const { exit, log } = await here().run(`bash -c "${script}"`);
    expect(exit.code).toBe('succeeded');
    expect(log).toBe('over\n');
    expect(exit.wallMs).toBeGreaterThan(4_000);
  });

  test('a head that never ends is refused', { timeout: 300_000 }, async () => {
    const script = `exec 3<>/dev/tcp/127.0.0.1/3128; head -c 20000 /dev/zero | tr '\\\\0' a >&3; cat <&3`;
    const { log } = await here().run(`bash -c "${script}"`);
    expect(log).toContain('431 Request Header Fields Too Large');
  });
});

test('its owner may close the way at any time', { timeout: 300_000 }, async () => {
  const { ended } = await here().begin(
    `${curl} http://public.test/slow >first; echo cut; ${curl} http://public.test/`,
  );
  here().close('its owner lets no task reach the internet now');
  const { log } = await ended;
  here().close(null);
  expect(log).toMatch(/cut\nits owner lets no task reach the internet now\n$/);
});

test('goes on with the next agent, and is told when there is none', async () => {
  const asks = `until ${curl} http://public.test/ >out 2>&1 && grep -q AWAITED out; do sleep 0.2; done; cat out`;
  const away = await here().begin(asks.replace('AWAITED', 'away'));
  here().leave();
  expect((await away.ended).log).toContain('the agent is away: try again');
  const back = await here().begin(asks.replace('AWAITED', 'reached'));
  here().leave();
  await here().restart(back.leaseId);
  expect((await back.ended).log).toContain(`reached ${publicAddress}`);
}, 300_000);
