// What a quick pair says and signs is what nkeys' own says and signs.

import { createAccount, createOperator, createUser, fromPublic, fromSeed } from '@nats-io/nkeys';
import { expect, test } from 'vitest';
import { quickPair } from '../../../scheduler/adapters/nats/quick-pair.ts';

test.each([
  ['an operator', createOperator],
  ['an account', createAccount],
  ['a user', createUser],
])('%s has the same names and the same signatures', (_what, create) => {
  for (let round = 0; round < 5; round += 1) {
    const seed = new TextDecoder().decode(create().getSeed());
    const [quick, own] = [quickPair(seed), fromSeed(new TextEncoder().encode(seed))];
    const bytes = new TextEncoder().encode(`message ${round}`);
    expect(quick.sign(bytes)).toEqual(own.sign(bytes));
    expect(quick.getPublicKey()).toBe(own.getPublicKey());
    expect(quick.getPrivateKey()).toEqual(own.getPrivateKey());
    expect(fromPublic(own.getPublicKey()).verify(bytes, quick.sign(bytes))).toBe(true);
  }
});

test.each(['', 'SU', 'no seed at all'])('%j is no seed', (seed) => {
  expect(() => quickPair(seed)).toThrow();
});
