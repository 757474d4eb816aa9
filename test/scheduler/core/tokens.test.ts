// Tokens leave the list a month after they expired, whatever became of them before; an operator's stays.

import { expect, test } from 'vitest';
import { imageOf, instant, stateOf, tokenId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test('a token is forgotten 30 days after it expired, an operator is not', () => {
  const core = new CoreHarness();
  core.token('used up', { uses: 1 });
  core.enrol('pi', 'used up');
  core.token('revoked');
  core.give({ kind: 'revokeToken', tokenId: tokenId('revoked') });
  core.token('longer', { expiresInMs: 2 * dayMs });
  core.give({
    ...{ kind: 'createToken', tokenId: tokenId('operator'), hash: 'hash of operator' },
    ...{ role: 'operator', name: 'root', siteId: null, uses: null },
    expiresAt: instant(core.nowMs + hourMs),
  });
  const left = (): readonly string[] => core.view.tokens().map((token) => token.tokenId);
  core.wait(30 * dayMs + hourMs - 1);
  expect(left()).toEqual(['used up', 'revoked', 'longer', 'operator']);
  core.wait(1);
  expect(left()).toEqual(['longer', 'operator']);
  expect(core.enrol('other', 'revoked').answer).toMatchObject({ code: 'token_unknown' });
  core.state = stateOf(imageOf(core.state));
  core.wait(10 * dayMs);
  expect(left()).toEqual(['operator']);
});
