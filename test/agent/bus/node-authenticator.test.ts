// The challenge's answer is the one that nkeys' own library gives.

import { createUser, encode } from '@nats-io/nkeys';
import { expect, it } from 'vitest';
import { nodeAuthenticator } from '../../../agent/adapters/bus/node-authenticator.ts';

it('signs as nkeys does, whatever the key and the nonce', () => {
  for (const nonce of ['', 'a nonce', 'é'.repeat(100)]) {
    const user = createUser();
    const seed = new TextDecoder().decode(user.getSeed());
    const answer = nodeAuthenticator(() => 'the jwt', seed)(nonce);
    const wanted = encode(user.sign(new TextEncoder().encode(nonce)));
    expect(answer).toEqual({ jwt: 'the jwt', nkey: '', sig: toUrl(wanted) });
  }
});

/** The server takes both alphabets of base64. */
function toUrl(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
