// The order in which the bytes of a site's tasks go over its uplink, and what frees a place on it.

import { describe, expect, it } from 'vitest';
import type { LeaseId } from '../../../scheduler/core/index.ts';
import { leaseId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

function withNode(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('pi', 'home');
  return core;
}

function want(core: CoreHarness, node: string, id = leaseId(0)): void {
  core.speak(node, { transfersWanted: [{ leaseId: id, direction: 'down', sizeBytes: 1e6 }] });
}

function granted(core: CoreHarness): readonly LeaseId[] {
  return core.take('transfer').map((transfer) => transfer.leaseId);
}

function leasesOf(core: CoreHarness, nodeId: string): readonly LeaseId[] {
  const node = core.state.nodes.find((each) => each.nodeId === nodeId);
  return (node?.leases ?? []).map((lease) => lease.leaseId);
}

describe('transfers', () => {
  it('grants two at a time for each site and direction, those that idle slots wait for first', () => {
    const core = withNode();
    core.submit('one', { taskCount: 8 });
    const ids = core.take('grant').map((grant) => grant.leaseId);
    const [first, , , , e, f, g] = ids;
    for (const id of [e, f, g, first]) want(core, 'pi', id);
    expect(granted(core)).toEqual([e, f]);
    core.speak('pi', { transfersDone: [{ leaseId: e ?? leaseId(0), direction: 'down' }] });
    expect(granted(core)).toEqual([first]);
  });

  it('goes on with what a slot has come to wait for since it was asked for', () => {
    const core = withNode();
    core.node('other', 'home');
    core.submit('one', { taskCount: 16 });
    const ids = { pi: leasesOf(core, 'pi'), other: leasesOf(core, 'other') };
    for (const node of ['pi', 'other'] as const) {
      core.speak(node, { started: ids[node].slice(0, 4) });
      // Behind what runs: nobody waits for them.
      for (const id of ids[node].slice(4)) want(core, node, id);
    }
    const [a, b, c] = ids.pi.slice(4);
    expect(granted(core)).toEqual([a, b]);
    const [running = leaseId(0)] = ids.other;
    core.end('other', running, 'succeeded');
    core.speak('pi', { transfersDone: [{ leaseId: a ?? leaseId(0), direction: 'down' }] });
    expect(granted(core)).toEqual([ids.other[4]]);
    core.speak('pi', { transfersDone: [{ leaseId: b ?? leaseId(0), direction: 'down' }] });
    expect(granted(core)).toEqual([c]);
  });

  it('frees the place of a transfer that takes far too long', () => {
    const core = withNode();
    core.submit('one', { taskCount: 8 });
    const ids = core.take('grant').map((grant) => grant.leaseId);
    for (const id of ids.slice(0, 3)) {
      core.speak('pi', {
        transfersWanted: [{ leaseId: id, direction: 'down', sizeBytes: 1_000 }],
      });
    }
    expect(core.take('transfer')).toHaveLength(2);
    core.wait(62_000);
    expect(core.take('transfer').map((transfer) => transfer.leaseId)).toEqual([ids[2]]);
  });

  it('gives a transfer that begins anew its whole time again', () => {
    const core = withNode();
    core.submit('one', { taskCount: 8 });
    const [a, b, c] = core.take('grant').map((grant) => grant.leaseId);
    const want = (id = a) =>
      id !== undefined &&
      core.speak('pi', {
        transfersWanted: [{ leaseId: id, direction: 'down', sizeBytes: 1_000 }],
      });
    for (const id of [a, b, c]) want(id);
    expect(core.take('transfer')).toHaveLength(2);
    core.wait(50_000);
    // Its agent was started again, or the grant was lost: it asks once more, and goes on from now.
    want(a);
    want(b);
    expect(core.take('transfer').map((transfer) => transfer.leaseId)).toEqual([a, b]);
    core.wait(50_000);
    expect(core.take('transfer')).toEqual([]);
    core.wait(15_000);
    expect(core.take('transfer').map((transfer) => transfer.leaseId)).toEqual([c]);
  });
});
