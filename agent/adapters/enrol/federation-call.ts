// One question to the federation over HTTPS, for enrolment and for renewal, and what is kept of its
// answer.

import { request } from 'node:https';
import { EnrolResponse } from '../../../proto/gen/punnet/v1/agent.ts';
import type { TunnelFolder } from '../overlay/tunnel-folder.ts';
import type { Identity, StateFolder } from '../state/state-folder.ts';
import { AgentError } from '../state/state-folder.ts';

export const timeoutMs = 30_000;
const maxAnswerBytes = 64 * 1024;

/** POSTs a message. Throws an AgentError with the federation's reason when it refuses. */
export async function askFederation(
  target: URL,
  caPem: string,
  body: Buffer,
): Promise<EnrolResponse> {
  return EnrolResponse.decode(await post(target, caPem, body));
}

export interface Keeping {
  readonly state: StateFolder;
  readonly tunnels: TunnelFolder;
  /** The CA that the answer came from. */
  readonly caPem: string;
}

/** Writes what the federation gave: the identity last, since with it the node is enrolled. */
export function keep({ state, tunnels, caPem }: Keeping, answer: EnrolResponse): Identity {
  const { nodeId, federation, siteId, natsJwt, natsUrls, httpsUrl, tunnel } = answer;
  if (tunnel !== undefined) tunnels.write(tunnel, caPem);
  const identity = { nodeId, federation, siteId, natsJwt, natsUrls, httpsUrl, caPem };
  state.writeIdentity(identity);
  return identity;
}

/** Why an address does not answer as a federation does. */
export function unreachable(url: URL, error: Error): AgentError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = `${url.host} shows a certificate for other names (${error.message}): use the address as the operator sent it, or have the scheduler started with --name ${url.hostname}.`;
    return new AgentError(text, { cause: error });
  }
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code)) return notThisFederation(url, error);
  return new AgentError(
    `${url.host} can't be reached (${error.message}): check the address and this node's network.`,
    { cause: error },
  );
}

export function notThisFederation(url: URL, cause?: Error): AgentError {
  const text = `${url.host} is not the federation that this token is for (its certificate is of another CA). Check the address; a proxy that opens TLS does this too.`;
  return new AgentError(text, { cause });
}

function post(target: URL, ca: string, body: Buffer): Promise<Buffer> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(unreachable(target, error));
    const asked = request(target, { method: 'POST', ca, headers, timeout: timeoutMs }, (answer) => {
      const parts: Buffer[] = [];
      let size = 0;
      answer.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size <= maxAnswerBytes) return;
        fail(new Error('its answer is too long'));
        asked.destroy();
      });
      // The request itself says nothing of an answer that has begun and does not end.
      answer.on('error', ({ message }) => reject(cutOff(target, message)));
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        if (answer.statusCode === 200) resolve(bytes);
        else reject(new AgentError(reasonOf(bytes, answer.statusCode ?? 0)));
      });
    });
    asked.once('timeout', () => {
      fail(new Error('no answer'));
      asked.destroy();
    });
    asked.on('error', fail);
    asked.end(body);
  });
}

function cutOff(url: URL, why: string): AgentError {
  return new AgentError(
    `${url.host} went away in the middle of its answer (${why}): run the same command again. What was given already is given again.`,
  );
}

function reasonOf(bytes: Buffer, status: number): string {
  try {
    const { reason } = JSON.parse(bytes.toString()) as { reason?: unknown };
    if (typeof reason === 'string') return `The federation refused: ${reason}`;
  } catch {
    // Told below.
  }
  return `The federation refused with HTTP status ${status} and no reason.`;
}
