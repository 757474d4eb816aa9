// Tells the federation that this node leaves, and waits until it is out: the bus then cuts it off.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import { FromNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { fromNodeSubject } from '../../../proto/subjects.ts';
import type { Identity, NodeKeys } from '../state/state-folder.ts';
import { nodeAuthenticator } from './node-authenticator.ts';

const connectMs = 15_000;
const answerMs = 15_000;

/** Resolves with why it could not be told, or null. Never rejects. */
export async function tellLeaving(identity: Identity, keys: NodeKeys): Promise<string | null> {
  try {
    const connection = await connect({
      servers: [...identity.natsUrls],
      name: identity.nodeId,
      inboxPrefix: `_INBOX.${identity.nodeId}`,
      authenticator: nodeAuthenticator(() => identity.natsJwt, keys.natsSeed),
      tls: { ca: identity.caPem },
      timeout: connectMs,
      reconnect: false,
    });
    const instanceId = randomBytes(8).toString('base64url');
    const message = FromNode.fromPartial({ instanceId, leaves: true });
    connection.publish(fromNodeSubject(identity.nodeId), FromNode.encode(message).finish());
    await connection.flush();
    const isOut = connection.closed().then(() => true);
    const isDone = await Promise.race([isOut, sleep(answerMs, false, { ref: false })]);
    await connection.close();
    return isDone ? null : `no answer in ${answerMs / 1000} s`;
  } catch (error) {
    return (error as Error).message;
  }
}
