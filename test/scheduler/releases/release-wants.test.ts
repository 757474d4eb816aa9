// Which blobs of releases the core is told of, so that sites exchange them.

import { describe, expect, it } from 'vitest';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import type { ReleaseWantsOptions } from '../../../scheduler/adapters/releases/release-wants.ts';
import { ReleaseWants } from '../../../scheduler/adapters/releases/release-wants.ts';
import type { Command, WantedBlob } from '../../../scheduler/core/index.ts';
import { instant } from '../../../scheduler/core/index.ts';

const large = 1_000_000;
const [armv6, arm64, older, small] = ['a', 'b', 'c', 'd'].map((each) => each.repeat(64));

function target(version: string, sha256 = '', sizeBytes = large): ReleaseTarget {
  return {
    ...{ name: 'agent', version, kind: 'agent', architecture: 'all', serial: 1, sha256, sizeBytes },
    ...{ indexSha256: 'e'.repeat(64), indexBytes: 100, hook: '' },
  };
}

const rollout = { name: 'agent', version: '2', phase: 'running', isHeld: false } as const;

function optionsOf(changed: Partial<ReleaseWantsOptions> = {}) {
  const [given, logged]: [Command[], string[]] = [[], []];
  const options: ReleaseWantsOptions = {
    rollouts: () => [rollout],
    releases: () => [
      target('2', armv6),
      target('2', arm64),
      target('2', small, 1_000),
      target('1', older),
    ],
    indexOf: () => Promise.resolve({ chunks: 17 }),
    now: () => instant(5_000),
    submit: (command) => {
      given.push(command);
      return Promise.resolve({ kind: 'done' });
    },
    log: (event) => logged.push(event),
    ...changed,
  };
  return { options, given, logged };
}

/** What the core is told at the start. */
async function wantedBlobs(options: ReleaseWantsOptions): Promise<readonly WantedBlob[]> {
  const told: WantedBlob[] = [];
  const wants = new ReleaseWants({
    ...options,
    submit: (command) => {
      if (command.kind === 'wantBlobs') told.push(...command.blobs);
      return options.submit(command);
    },
  });
  await wants.start();
  await wants.stop();
  return told;
}

describe('which blobs of releases sites exchange', () => {
  const cases: readonly [
    string,
    ReturnType<ReleaseWantsOptions['rollouts']>,
    readonly unknown[],
  ][] = [
    ['one that runs: its large ones', [rollout], [armv6, arm64]],
    ['one that is paused: nodes fetch it early', [{ ...rollout, phase: 'paused' }], [armv6, arm64]],
    ['one that is done', [{ ...rollout, phase: 'done' }], []],
    ['one that failed', [{ ...rollout, phase: 'failed' }], []],
    ['one that was aborted', [{ ...rollout, phase: 'aborted' }], []],
    ['while all are held', [{ ...rollout, isHeld: true }], []],
    ['of a version that nobody signed', [{ ...rollout, version: '3' }], []],
    ['of another name', [{ ...rollout, name: 'models' }], []],
    ['the same blob twice', [rollout, rollout], [armv6, arm64]],
    ['no rollout', [], []],
  ];
  it.each(cases)('%s', async (_, rollouts, expected) => {
    const { options } = optionsOf({ rollouts: () => rollouts });
    expect((await wantedBlobs(options)).map(({ sha256 }) => sha256)).toEqual(expected);
  });

  it('has the chunks of its index, and an end', async () => {
    const [first] = await wantedBlobs(optionsOf().options);
    expect(first).toMatchObject({ sha256: armv6, sizeBytes: large, chunkCount: 17 });
    expect(first?.until).toBe(605_000);
  });

  it('leaves out, alone, what is not here or cannot be read', async () => {
    const indexOf = (id: string) =>
      id === armv6 ? Promise.reject(new Error('damaged')) : Promise.resolve(undefined);
    const { options, logged } = optionsOf({ indexOf });
    expect(await wantedBlobs(options)).toEqual([]);
    expect(logged).toHaveLength(1);
    const half = optionsOf({
      indexOf: (id) => (id === armv6 ? indexOf(id) : Promise.resolve({ chunks: 3 })),
    });
    expect(await wantedBlobs(half.options)).toHaveLength(1);
  });
});

describe('telling the core', () => {
  it('tells at the start, and says nothing where no release is under way', async () => {
    const { options, given } = optionsOf();
    await wantedBlobs(options);
    expect(given).toMatchObject([{ kind: 'wantBlobs', blobs: [{ sha256: armv6 }, {}] }]);
    const idle = optionsOf({ rollouts: () => [] });
    await wantedBlobs(idle.options);
    expect(idle.given).toEqual([]);
  });

  it('tells of a rollout before it starts, and of it no more when it did not', async () => {
    let nowMs = 5_000;
    const { options, given } = optionsOf({ rollouts: () => [], now: () => instant(nowMs) });
    const wants = new ReleaseWants(options);
    await wants.soon('agent', '2');
    expect(given).toMatchObject([{ kind: 'wantBlobs', blobs: [{ sha256: armv6 }, {}] }]);
    await wants.soon('agent', 'none');
    expect(given[1]).toMatchObject({ blobs: [{}, {}] });
    nowMs += 60_000;
    await wants.soon('agent', 'none');
    expect(given[2]).toMatchObject({ blobs: [] });
    await wants.stop();
  });

  it('looks at a damaged blob ever more rarely, and tells of it once', async () => {
    let [nowMs, looks] = [0, 0];
    const { options, logged } = optionsOf({
      now: () => instant(nowMs),
      releases: () => [target('2', armv6)],
      indexOf: () => {
        looks += 1;
        return Promise.reject(new Error('damaged'));
      },
    });
    const wants = new ReleaseWants(options);
    const at = [];
    for (; nowMs < 24 * 3_600_000; nowMs += 30_000) {
      const before = looks;
      await wants.soon('agent', '2');
      if (looks > before) at.push(nowMs / 60_000);
    }
    expect(at.slice(0, 8)).toEqual([0, 1, 3, 7, 15, 31, 63, 123]);
    expect(at.length).toBeLessThan(31);
    expect(logged).toHaveLength(1);
    await wants.stop();
  });

  it('logs a refusal and a stopped loop, and goes on', async () => {
    const refusal = { kind: 'refused', code: 'invalid', reason: 'no', field: '' } as const;
    const refused = optionsOf({ submit: () => Promise.resolve(refusal) });
    await wantedBlobs(refused.options);
    const stopped = optionsOf({ submit: () => Promise.reject(new Error('stopped')) });
    await wantedBlobs(stopped.options);
    expect([refused.logged.length, stopped.logged.length]).toEqual([1, 1]);
  });
});
