// Which nodes are asked to prove that they share a LAN, and how often.

import { expect, test } from 'vitest';
import { nodeId, siteId } from '../../../../scheduler/core/index.ts';
import { lanAskEveryMs, lanProofsPerLook } from '../../../../scheduler/core/limits.ts';
import { Homes, minuteMs } from './homes.ts';

/** Who was asked since the last call: "server serves, fetcher fetches". */
function asked(homes: Homes): readonly string[] {
  return homes.take('proveLan').map(({ serverId, fetcherId }) => `${serverId} → ${fetcherId}`);
}

test('of two that share an address, once, and again after hours as long as nothing was proved', () => {
  const homes = new Homes();
  homes.come('a', 'X');
  expect(asked(homes)).toEqual([]);
  homes.come('b', 'X');
  homes.minutes(5);
  expect(asked(homes)).toEqual(['b → a', 'a → b']);
  homes.nowMs += lanAskEveryMs - 10 * minuteMs;
  homes.see();
  expect(asked(homes)).toEqual([]);
  homes.minutes(11);
  expect(asked(homes)).toEqual(['b → a', 'a → b']);
  homes.give({ kind: 'lanProved', serverId: nodeId('b'), fetcherId: nodeId('a') });
  homes.nowMs += lanAskEveryMs;
  homes.see();
  expect(asked(homes)).toEqual([]);
  expect(homes.view.sites()[0]?.evidence).toBe('2 by address, 1 LAN');
});

test('one of each LAN is asked in turn, until one proves it', () => {
  const homes = new Homes();
  for (const name of ['a', 'b', 'c', 'd', 'x']) homes.come(name, 'X');
  const prove = (server: string, fetcher: string): void => {
    homes.give({ kind: 'lanProved', serverId: nodeId(server), fetcherId: nodeId(fetcher) });
  };
  prove('a', 'b');
  prove('c', 'd');
  homes.minutes(1);
  asked(homes);
  const servers: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    homes.nowMs += lanAskEveryMs;
    homes.see();
    servers.push(...asked(homes));
  }
  expect(new Set(servers)).toEqual(new Set(['a → x', 'c → x']));
  // What joins two LANs makes them one.
  prove('c', 'x');
  prove('b', 'x');
  expect(new Set(homes.state.nodes.map(({ lan }) => lan)).size).toBe(1);
});

test('a whole federation that comes back is asked bit by bit', () => {
  const homes = new Homes();
  for (let number = 0; number < 3 * lanProofsPerLook; number += 1) homes.come(`n${number}`, 'X');
  homes.nowMs += lanAskEveryMs;
  asked(homes);
  homes.see();
  expect(asked(homes)).toHaveLength(lanProofsPerLook);
  homes.see();
  expect(asked(homes)).toHaveLength(lanProofsPerLook);
});

test('nothing is proved of nodes that are not there, or of one with itself', () => {
  const homes = new Homes();
  homes.come('a', 'X', 'school');
  for (const [serverId, fetcherId] of [
    ['a', 'a'],
    ['a', 'gone'],
    ['gone', 'a'],
  ] as const) {
    const ids = { serverId: nodeId(serverId), fetcherId: nodeId(fetcherId) };
    expect(homes.give({ kind: 'lanProved', ...ids }).facts).toEqual([]);
  }
  expect(homes.view.site(siteId('school'))?.evidence).toBe('1 by token');
});
