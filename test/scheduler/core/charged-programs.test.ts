// What a researcher is charged with for the programs of her jobs: once a site, whatever restarts.

import { expect, test } from 'vitest';
import { imageOf, jobId, nodeId, sha256, stateOf } from '../../../scheduler/core/index.ts';
import type { JobRecord } from '../../../scheduler/core/state.ts';
import { CoreHarness, heldBy } from './harness.ts';

/** Of a job whose tasks share so many bytes; nothing else of it crosses a line. */
function program(sizeBytes: number): object {
  const bundle = { architecture: 'armv6l', sha256: sha256('cd'.repeat(32)), sizeBytes };
  return { bundles: [{ ...bundle, isRootFileSystem: false }], taskCount: 40 };
}

class Federation {
  readonly core = new CoreHarness();

  /** Nodes `pi0`, `pi1` … at two sites in turn. */
  constructor(nodes: number, shared: object) {
    for (const site of ['home', 'school']) this.core.setSite(site, 10e6);
    this.core.researcher('ada');
    for (let at = 0; at < nodes; at += 1) this.core.node(`pi${at}`, at % 2 ? 'school' : 'home');
    this.core.submit('job', shared);
  }

  get job(): JobRecord {
    const job = this.core.state.jobById.get(jobId('job'));
    if (job === undefined) throw new Error('there is no job');
    return job;
  }

  get bits(): number {
    const researcher = this.core.state.researchers.get('ada');
    return (researcher?.usage.bits ?? 0) + (researcher?.leased.bits ?? 0);
  }

  /** Each node ends what it holds. */
  end(): void {
    for (const node of this.core.state.nodes)
      for (const lease of heldBy(node)) this.core.end(node.name, lease, 'succeeded');
  }

  restart(): void {
    this.core.state = stateOf(imageOf(this.core.state));
    for (const node of this.core.state.nodes) this.core.speak(node.name, { held: heldBy(node) });
  }
}

// Below 256 KiB nothing is exchanged, and no holders are saved.
test.each([200_000, 5_000_000])('of %i bytes: once a site, over restarts', (sizeBytes) => {
  const federation = new Federation(4, program(sizeBytes));
  const twice = 2 * 8 * sizeBytes;
  expect(federation.bits).toBe(twice);
  federation.restart();
  expect(federation.bits).toBe(twice);
  federation.end();
  federation.restart();
  federation.end();
  expect(federation.bits).toBe(twice);
  expect(federation.job.succeeded).toBeGreaterThan(0);
});

test('a site of which nothing is leased any more stays charged over a restart', () => {
  const federation = new Federation(2, program(200_000));
  federation.core.give({ kind: 'revokeNode', nodeId: nodeId('pi1') });
  const { bits } = federation;
  federation.restart();
  federation.core.node('pi2', 'school');
  expect(federation.core.state.nodes[2]?.leases.length).toBeGreaterThan(0);
  expect(federation.bits).toBe(bits);
});

test('a snapshot without the charged sites has those of its holders', () => {
  const federation = new Federation(4, program(5_000_000));
  const { columns, ...image } = imageOf(federation.core.state);
  const kept = Object.entries(columns).filter(([name]) => !name.endsWith('.chargedSites'));
  expect(kept).toHaveLength(Object.keys(columns).length - 1);
  const restored = stateOf({ ...image, columns: Object.fromEntries(kept) });
  expect([...(restored.jobById.get(jobId('job'))?.chargedSites ?? [])].sort()).toEqual([0, 1]);
});

test('the image is the same over a restart, in whatever order nodes were given tasks', () => {
  const federation = new Federation(4, program(5_000_000));
  const { holders } = federation.job;
  const numbers = [...holders];
  holders.clear();
  for (const number of numbers.reverse()) holders.add(number);
  const image = imageOf(federation.core.state);
  expect(imageOf(stateOf(image)).columns).toEqual(image.columns);
});

test('a new lease walks no other holders of its job', () => {
  const federation = new Federation(4, program(200_000));
  let walks = 0;
  const { holders } = federation.job;
  const all = holders[Symbol.iterator].bind(holders);
  Object.defineProperty(holders, Symbol.iterator, {
    value: () => {
      walks += 1;
      return all();
    },
  });
  federation.core.setSite('library', 10e6);
  federation.core.node('pi4', 'library');
  expect(holders.size).toBe(5);
  expect(walks).toBe(0);
  expect(federation.job.chargedSites.size).toBe(3);
});
