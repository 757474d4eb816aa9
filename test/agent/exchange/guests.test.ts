// Peers that come by themselves: they know the proof, so they are of the exchange, but they take nobody's place.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { neighbours } from '../../../agent/core/exchange/exchange.ts';
import { ExchangeState, takeExchange, type PeerAddress } from '../../../agent/core/index.ts';
import { emptyBitmap, fullBitmap } from '../../../proto/bitmap.ts';

const sha256 = 'a'.repeat(64);
const told = [1, 2, 3, 4, 5, 6, 7, 8].map((at) => ({ address: `10.0.0.${at}`, port: 7 }));

class OneNode {
  readonly state = new ExchangeState({ salt: 'n', isSmallBoard: false });

  constructor(peers: readonly PeerAddress[]) {
    const blob = { sha256, sizeBytes: 1_000_000 };
    takeExchange(this.state, { kind: 'blobWanted', ...blob, capability: 'may' }, 0);
    takeExchange(this.state, { kind: 'exchangeTold', sha256, indexSha256: 'i', peers }, 0);
    const held = emptyBitmap(8);
    takeExchange(this.state, { kind: 'blobOpened', ...blob, chunks: 8, held }, 0);
  }

  comes(peer: PeerAddress): void {
    const heard = { kind: 'peerHas', sha256, peer, held: fullBitmap(8), isAsking: true } as const;
    takeExchange(this.state, heard, 0);
  }

  get known(): readonly PeerAddress[] {
    return [...(this.state.exchanges.get(sha256)?.peers.values() ?? [])];
  }

  get near(): readonly string[] {
    const exchange = this.state.exchanges.get(sha256);
    return exchange === undefined
      ? []
      : neighbours(this.state, exchange).map((each) => each.address);
  }
}

test('nobody who comes by itself takes the place of a peer that the scheduler named', () => {
  const guest = fc.record({
    address: fc.integer({ min: 100, max: 110 }).map((at) => `10.0.0.${at}`),
    port: fc.integer({ min: 1_024, max: 65_535 }),
  });
  fc.assert(
    fc.property(fc.array(guest, { maxLength: 100 }), (guests) => {
      const node = new OneNode(told);
      for (const each of guests) node.comes(each);
      expect([...node.near].sort()).toEqual(told.map(({ address }) => address));
    }),
  );
});

test('one host is one guest, at the port that it told last', () => {
  const node = new OneNode([]);
  // It is asked at once, and goes on as it is until it has answered.
  for (const port of [2_000, 2_001]) node.comes({ address: '10.0.0.9', port });
  expect(node.known).toMatchObject([{ port: 2_000 }]);
  const peer = { address: '10.0.0.9', port: 2_000 };
  takeExchange(node.state, { kind: 'peerBusy', sha256, chunk: askedOf(node), peer, restMs: 9 }, 0);
  node.comes({ address: '10.0.0.9', port: 2_001 });
  expect(node.known).toMatchObject([{ port: 2_001 }]);
});

test('a host that sent wrong bytes is not welcome at another port', () => {
  const node = new OneNode([]);
  const peer = { address: '10.0.0.9', port: 2_000 };
  node.comes(peer);
  takeExchange(node.state, { kind: 'chunkBad', sha256, chunk: askedOf(node), peer }, 0);
  node.comes({ ...peer, port: 2_001 });
  expect(node.known).toMatchObject([{ port: 2_000, isBad: true }]);
});

test.each([
  [64, 64],
  [65, 64],
])('of %i hosts that nobody named %i are remembered', (hosts, remembered) => {
  const node = new OneNode([]);
  for (let at = 0; at < hosts; at += 1) node.comes({ address: `10.0.1.${at}`, port: 7_000 });
  expect(node.known).toHaveLength(remembered);
});

function askedOf({ state }: OneNode): number {
  const [chunk] = state.exchanges.get(sha256)?.flights.keys() ?? [];
  if (chunk === undefined) throw new Error('nobody is asked');
  return chunk;
}
