// When an agent asks for new credentials: when a third of what ends first is left, and when the bus
// refuses it, but then ever more rarely.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import {
  certificateRequest,
  makeTunnelKey,
} from '../../../agent/adapters/overlay/certificate-request.ts';
import { TunnelFolder } from '../../../agent/adapters/overlay/tunnel-folder.ts';
import { Renewer, isDue, lifeOf } from '../../../agent/adapters/enrol/renewer.ts';
import { StateFolder } from '../../../agent/adapters/state/state-folder.ts';
import { openAuthority } from '../../../scheduler/adapters/pki/authority.ts';
import { NodeCertificates } from '../../../scheduler/adapters/pki/node-certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-renewer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const dayMs = 24 * 3_600_000;

function jwt(claims: Readonly<Record<string, number>>): { readonly natsJwt: string } {
  return { natsJwt: `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.seal` };
}

test.each([
  ['at first', 0, false],
  ['before two thirds', 65.9, false],
  ['at two thirds', 66.7, true],
  ['when it has ended', 101, true],
  ['where the clock is years behind', -20_000, false],
])('of 100 days, %s: %s days', (_what, days, expected) => {
  expect(isDue({ fromMs: 0, untilMs: 100 * dayMs }, days * dayMs)).toBe(expected);
});

test('what ends first counts; what has no end is from before there was one, and due', async () => {
  const certificates = NodeCertificates.open(folder, await openAuthority(folder));
  const pem = await certificates.issue('pi', certificateRequest(makeTunnelKey()));
  const now = Math.floor(Date.now() / 1_000);
  const soon = jwt({ iat: now, exp: now + 100 });
  expect(lifeOf(soon, pem)).toEqual({ fromMs: 1_000 * now, untilMs: 1_000 * (now + 100) });
  const late = lifeOf(jwt({ iat: now, exp: now + 1e9 }), pem);
  expect(Math.round((late.untilMs - late.fromMs) / dayMs)).toBe(731);
  expect(isDue(lifeOf(jwt({ iat: now }), null), Date.now())).toBe(true);
  expect(isDue(lifeOf(jwt({ iat: now, exp: now + 1e6 }), null), Date.now())).toBe(false);
});

const hourMs = 3_600_000;

/** A renewer that gets no answer, on a clock of its own. */
function unanswered() {
  const clock = { ms: 0 };
  const now = vi.spyOn(performance, 'now').mockImplementation(() => clock.ms);
  onTestFinished(() => now.mockRestore());
  const state = new StateFolder(mkdtempSync(join(folder, 'state-')));
  const failedAt: number[] = [];
  const renewer = new Renewer({
    ...{ state, tunnels: new TunnelFolder(state.file('overlay')), natsSeed: '' },
    // Due, and no way to the federation: nobody listens there.
    identity: () => ({
      ...{ nodeId: 'pi', federation: 'f', siteId: 's', natsUrls: [], caPem: '', httpsUrl: '' },
      ...jwt({ iat: 0 }),
    }),
    isAway: () => true,
    onRenewed: () => expect.unreachable(),
    log: () => failedAt.push(clock.ms / hourMs),
  });
  return { clock, renewer, failedAt };
}

test('refused by the bus for ten days it asks five times on the first, then daily', async () => {
  const { clock, renewer, failedAt } = unanswered();
  for (; clock.ms <= 240 * hourMs; clock.ms += hourMs / 4) {
    renewer.refused();
    await new Promise(setImmediate);
  }
  const daily = [31, 55, 79, 103, 127, 151, 175, 199, 223];
  expect(failedAt).toEqual([0, 1, 3, 7, 15, ...daily]);
  // Refused again a week after all was well, it asks at once.
  clock.ms += 168 * hourMs;
  for (let times = 0; times < 5; times += 1, clock.ms += hourMs / 4) {
    renewer.refused();
    await new Promise(setImmediate);
  }
  expect(failedAt.slice(14)).toEqual([408.25, 409.25]);
});

test('refused after it has asked by itself, it asks as seldom', async () => {
  const { clock, renewer, failedAt } = unanswered();
  renewer.start();
  onTestFinished(() => renewer.stop());
  await new Promise(setImmediate);
  for (; clock.ms <= 9 * hourMs; clock.ms += hourMs / 4) {
    renewer.refused();
    await new Promise(setImmediate);
  }
  // At the start, at the first refusal, and then ever later.
  expect(failedAt).toEqual([0, 0, 1, 3, 7]);
});

test('refused by the bus it asks once an hour, and what fails leaves all as it was', async () => {
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  const state = new StateFolder(mkdtempSync(join(folder, 'state-')));
  let told = (): void => undefined;
  const failed = new Promise<void>((resolve) => {
    told = resolve;
  });
  const caPem = (await openAuthority(folder)).certificate.toString('pem');
  const renewer = new Renewer({
    state,
    tunnels: new TunnelFolder(state.file('overlay')),
    natsSeed: new TextDecoder().decode(createUser().getSeed()),
    identity: () => ({
      ...{ nodeId: 'pi', federation: 'f', siteId: 's', natsUrls: [], caPem, ...jwt({ iat: 0 }) },
      httpsUrl: `https://127.0.0.1:${port}`,
    }),
    isAway: () => true,
    onRenewed: () => expect.unreachable(),
    log: (event) => {
      expect(event).toBe('credentials not renewed');
      told();
    },
  });
  for (let times = 0; times < 3; times += 1) renewer.refused();
  await failed;
  renewer.refused();
  expect(asked).toBe(1);
  expect(state.readIdentity()).toBeNull();
});
