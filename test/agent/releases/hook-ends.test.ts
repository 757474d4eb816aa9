// A hook that has not ended, when the agent ends or the order is taken back.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import { newWorld, node, order, publish, state, told } from './world.ts';

const { ACTIVATE, PREFETCH, ROLLBACK } = ReleaseAction;
/** Hears no SIGTERM; what it does the second time is `then`. */
const lasting = (then: string): string =>
  `#!/bin/sh\nif [ -e began ]; then ${then}; fi\ntrap '' TERM\n: >began\nwhile :; do sleep 0.05; done\n`;

beforeEach(newWorld);

async function began(version: string): Promise<void> {
  await vi.waitUntil(() => existsSync(join(state, 'maps', version, 'began')), { timeout: 10_000 });
}

describe('a hook that lasts', () => {
  test.each([
    ['exit 0', { active: '2.0', failed: '', isProven: true }],
    ['echo "no room" >&2; exit 1', { active: '1.0', failed: '2.0', problem: /no room/ }],
  ])('runs again after the agent has ended: %s', async (then, after) => {
    await publish('1.0', { 'map.txt': 'one' });
    await publish('2.0', { hook: lasting(then) }, { hook: 'hook' });
    const first = node();
    await told(first, order('1.0', ACTIVATE));
    first.take([order('2.0', ACTIVATE)]);
    await began('2.0');
    first.stop();
    await first.settled();
    expect(first.states()).toMatchObject([{ active: '2.0', failed: '', isProven: false }]);
    const { problem = /^$/, ...facts } = after as { readonly problem?: RegExp };
    const found = await told(node(), order('2.0', ACTIVATE));
    expect(found).toMatchObject(facts);
    expect(found?.problem).toMatch(problem);
  });

  test.each([
    ['it is taken back', () => order('2.0', ROLLBACK), '1.0'],
    ['another version is wanted', () => order('3.0', ACTIVATE), '3.0'],
    ['the one before is', () => order('1.0', PREFETCH), '1.0'],
  ])('ends when %s', async (_, next, active) => {
    await publish('1.0', { 'map.txt': 'one' });
    await publish('2.0', { hook: lasting('exit 0') }, { hook: 'hook' });
    await publish('3.0', { 'map.txt': 'three' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE));
    releases.take([order('2.0', ACTIVATE)]);
    await began('2.0');
    expect(await told(releases, next())).toMatchObject({ active, failed: '' });
    const text = readFileSync(join(state, 'maps/active/map.txt'), 'utf8');
    expect(text).toBe(active === '3.0' ? 'three' : 'one');
  });
});
