// What the world does with the network beside starting flows: lines that fail and come back, flows
// that are cancelled; and mistakes of the caller, which stop it.

import { describe, expect, it } from 'vitest';
import { FlowNetwork } from '../../../sim/network/flow-network.ts';

/** Two links of 10 and 100 bytes a second. */
function network(): FlowNetwork {
  const made = new FlowNetwork();
  made.addLink(10);
  made.addLink(100);
  return made;
}

describe('the world changes while flows are under way', () => {
  it('a flow waits on a link without capacity and goes on when there is some', () => {
    const net = network();
    const flow = net.start([0, 1], 100);
    net.advance(4);
    net.setCapacity(0, 0);
    expect(net.nextCompletion()).toBe(Infinity);
    net.advance(10);
    expect(net.bytesLeft(flow)).toBe(60);
    net.setCapacity(0, 20);
    expect(net.nextCompletion()).toBe(13);
    expect(net.advance(13)).toEqual([flow]);
  });

  it('what a cancelled flow had, the others get', () => {
    const net = network();
    const [one, other] = [net.start([0, 1], 100), net.start([0], 100)];
    net.advance(4);
    expect(net.cancel(one)).toBe(80);
    expect(net.rate(other)).toBe(10);
    expect(net.nextCompletion()).toBe(12);
  });

  it('a link that gets more is no limit any more', () => {
    const net = network();
    const flow = net.start([0, 1], 1_000);
    net.setCapacity(0, 400);
    expect(net.rate(flow)).toBe(100);
    expect(net.nextCompletion()).toBe(10);
  });

  it('alike flows end at one instant', () => {
    const net = network();
    const flows = [net.start([0], 50), net.start([0], 50), net.start([1], 1_000)];
    expect(net.nextCompletion()).toBe(10);
    expect([...net.advance(10)].sort()).toEqual(flows);
    expect(net.nextCompletion()).toBe(Infinity);
  });

  it('a link added later, and a number used again', () => {
    const net = network();
    const first = net.start([0], 10);
    expect(net.advance(1)).toEqual([first]);
    const link = net.addLink(1);
    expect(net.start([link], 10)).toBe(first);
    expect(net.nextCompletion()).toBe(11);
  });
});

describe('a mistake of the caller stops it', () => {
  it.each<[string, (net: FlowNetwork) => unknown, string]>([
    ['no bytes', (net) => net.start([0], 0), 'above 0, not 0'],
    ['bytes without end', (net) => net.start([0], Infinity), 'above 0, not Infinity'],
    ['no links', (net) => net.start([], 1), '1 to 8 links, not 0'],
    ['nine links', (net) => net.start([0, 1, 2, 3, 4, 5, 6, 7, 8], 1), '1 to 8 links, not 9'],
    ['no such link', (net) => net.start([2], 1), 'no link 2'],
    ['a link twice', (net) => net.start([0, 1, 0], 1), 'each link once'],
    ['no such link to change', (net) => net.setCapacity(2, 1), 'no link 2'],
    ['less than no capacity', (net) => net.setCapacity(0, -1), 'from 0 on, not -1'],
    ['a capacity that is no number', (net) => net.addLink(Number.NaN), 'from 0 on, not NaN'],
    ['a flow that has ended', (net) => net.cancel(net.advance(1)[0] ?? -1), 'not under way'],
    ['a flow that never was', (net) => net.bytesLeft(7), 'flow 7 is not under way'],
    ['past a completion', (net) => net.advance(1.5), "time can't go past it"],
    ['back in time', (net) => (net.advance(0.5), net.advance(0.25)), "can't become 0.25"],
  ])('%s', (_, act, wanted) => {
    const net = network();
    // It ends at 1.
    net.start([1], 100);
    expect(() => act(net)).toThrow(wanted);
  });

  it('takes eight links', () => {
    const net = network();
    const links = [0, 1, ...Array.from({ length: 6 }, () => net.addLink(5))];
    expect(net.rate(net.start(links, 1))).toBe(5);
  });
});
