// The same traffic without Punnet: as many connections over TLS, the same sizes, and nothing done
// with them. What the bus alone can do here is the bound for what is built on it.

import type { NatsConnection } from 'nats';
import { connect } from 'nats';
import { nodeAuthenticator } from '../agent/adapters/bus/node-authenticator.ts';
import { answerParent } from './child.ts';

export interface BareOptions {
  readonly url: string;
  readonly credentials: string;
  readonly caPem: string;
}

export type BareQuestion =
  /** Counts messages of this subject. */
  | { readonly kind: 'count'; readonly options: BareOptions; readonly subject: string }
  /** Answers each second message of a connection with one of this size. */
  | { readonly kind: 'answer'; readonly options: BareOptions; readonly bytes: number }
  /**
   * Opens so many connections (`open` tells how far it is), each of which then says two messages and
   * waits for an answer, again and again.
   */
  | {
      readonly kind: 'talk';
      readonly options: BareOptions;
      readonly connections: number;
      readonly bytes: number;
    }
  | { readonly kind: 'tell' };

export type BareAnswer = { readonly open: number; readonly count: number };

/** Connections that are made at a time. */
const dialsAtATime = 8;

const open: NatsConnection[] = [];
let count = 0;

async function dial({ url, credentials, caPem }: BareOptions): Promise<NatsConnection> {
  const [, jwt = '', seed = ''] = /JWT-+\n(\S+)\n[^]*SEED-+\n(\S+)\n/.exec(credentials) ?? [];
  // nkeys' own takes longer than all else of a thousand connections.
  const authenticator = nodeAuthenticator(() => jwt, seed);
  const connection = await connect({ servers: url, authenticator, tls: { ca: caPem } });
  open.push(connection);
  return connection;
}

async function answerEach(options: BareOptions, bytes: number): Promise<void> {
  const connection = await dial(options);
  const answer = new Uint8Array(bytes);
  connection.subscribe('bare.*.second', {
    callback: (_, message) => {
      count += 1;
      connection.publish(`bare.${message.subject.split('.')[1]}.answer`, answer);
    },
  });
  connection.subscribe('bare.*.first', { callback: () => undefined });
  await connection.flush();
}

/** Hands back what begins its talk. */
async function talker(options: BareOptions, index: number, bytes: number): Promise<() => void> {
  const connection = await dial(options);
  const message = new Uint8Array(bytes);
  const say = (): void => {
    connection.publish(`bare.${index}.first`, message);
    // As a task's end does, it goes apart from its start.
    setImmediate(() => connection.publish(`bare.${index}.second`, message));
  };
  connection.subscribe(`bare.${index}.answer`, {
    callback: () => {
      count += 1;
      say();
    },
  });
  await connection.flush();
  return say;
}

/**
 * All are open before the first speaks: those that talk leave no CPU to those that connect, and a
 * thousand would take minutes. Rejects with the first failure, which ends the process.
 */
async function talkAll(
  options: BareOptions,
  { connections, bytes }: { readonly connections: number; readonly bytes: number },
): Promise<void> {
  const talks: (() => void)[] = [];
  const indexes = Array.from({ length: connections }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const index of indexes) talks.push(await talker(options, index, bytes));
  };
  await Promise.all(Array.from({ length: dialsAtATime }, work));
  for (const begin of talks) begin();
}

async function hear(question: BareQuestion): Promise<BareAnswer> {
  switch (question.kind) {
    case 'count': {
      const connection = await dial(question.options);
      connection.subscribe(question.subject, { callback: () => (count += 1) });
      await connection.flush();
      break;
    }
    case 'answer':
      await answerEach(question.options, question.bytes);
      break;
    case 'talk':
      void talkAll(question.options, question);
      break;
    case 'tell':
      break;
  }
  return { open: open.length, count };
}

answerParent(hear, async () => {
  await Promise.all(open.map((connection) => connection.close()));
});
