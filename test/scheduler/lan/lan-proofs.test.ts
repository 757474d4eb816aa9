// A proof that two nodes are on one LAN: what is told to whom, and what proves nothing.

import { describe, expect, it } from 'vitest';
import { LanAnswer } from '../../../proto/gen/punnet/v1/agent.ts';
import type { LanTask } from '../../../proto/gen/punnet/v1/agent.ts';
import { LanProofs } from '../../../scheduler/adapters/lan/lan-proofs.ts';
import type { LanProved } from '../../../scheduler/core/index.ts';
import { nodeId } from '../../../scheduler/core/index.ts';

const [serverId, fetcherId] = [nodeId('server'), nodeId('fetcher')];

class Talk {
  nowMs = 0;
  readonly told: (readonly [string, LanTask])[] = [];
  readonly proved: LanProved[] = [];
  readonly proofs = new LanProofs({
    send: (to, task) => this.told.push([to, task]),
    submit: (command) => this.proved.push(command),
    nowMs: () => this.nowMs,
  });

  /** The server was asked; what it was told. */
  ask(): LanTask {
    this.proofs.ask({ kind: 'proveLan', serverId, fetcherId });
    const [to, task] = this.told.at(-1) ?? [];
    if (to !== serverId || task === undefined) throw new Error('the server was not asked');
    return task;
  }

  answer(by: string, answer: Partial<LanAnswer>): void {
    this.proofs.hear(nodeId(by), LanAnswer.encode(LanAnswer.fromPartial(answer)).finish());
  }
}

const place = { address: '192.168.1.11', port: 40_000 };

describe('a proof', () => {
  it('is asked for in two steps, and what is served is not told to who fetches it', () => {
    const talk = new Talk();
    const { proofId, nonce } = talk.ask();
    expect(nonce).toHaveLength(32);
    talk.answer('server', { proofId, ...place });
    expect(talk.told.at(-1)).toEqual(['fetcher', { proofId, nonce: Buffer.alloc(0), ...place }]);
    talk.answer('fetcher', { proofId, nonce, roundTripUs: 5_000 });
    expect(talk.proved).toEqual([{ kind: 'lanProved', serverId, fetcherId }]);
    talk.answer('fetcher', { proofId, nonce, roundTripUs: 5_000 });
    expect(talk.proved).toHaveLength(1);
  });

  const other = Buffer.alloc(32, 1);
  const rows: readonly (readonly [what: string, act: (talk: Talk, task: LanTask) => void])[] = [
    ['fetched too slowly', (talk, task) => talk.answer('fetcher', { ...task, roundTripUs: 5_001 })],
    ['in no time at all', (talk, task) => talk.answer('fetcher', { ...task, roundTripUs: -1 })],
    ['another nonce', (talk, task) => talk.answer('fetcher', { ...task, nonce: other })],
    ['none', (talk, { proofId }) => talk.answer('fetcher', { proofId })],
    ['told by who served it', (talk, task) => talk.answer('server', task)],
    ['by a stranger', (talk, task) => talk.answer('stranger', task)],
    ['of another proof', (talk, task) => talk.answer('fetcher', { ...task, proofId: 'another' })],
    [
      'after a minute',
      (talk, task) => {
        talk.nowMs += 60_000;
        talk.answer('fetcher', task);
      },
    ],
    ['bytes of another kind', (talk) => talk.proofs.hear(fetcherId, Buffer.from('hello'))],
    ['too many of them', (talk) => talk.proofs.hear(fetcherId, Buffer.alloc(100_000))],
  ];
  it.each(rows)('is none: %s', (_, act) => {
    const talk = new Talk();
    act(talk, talk.ask());
    expect(talk.proved).toEqual([]);
    expect(talk.told).toHaveLength(1);
  });

  it.each([
    { address: 'example.org', port: 40_000 },
    { address: '192.168.1.11', port: 22 },
    { address: '::1', port: 40_000 },
  ])('is not looked for at %j', (wrong) => {
    const talk = new Talk();
    const { proofId } = talk.ask();
    talk.answer('server', { proofId, ...wrong });
    expect(talk.told).toHaveLength(1);
  });

  it('that nobody answers is forgotten, and there is a bound of them', () => {
    const talk = new Talk();
    for (let each = 0; each < 2_000; each += 1) {
      talk.proofs.ask({ kind: 'proveLan', serverId, fetcherId });
    }
    expect(talk.told).toHaveLength(1_024);
    talk.nowMs += 60_000;
    talk.ask();
    expect(talk.told).toHaveLength(1_025);
  });
});
