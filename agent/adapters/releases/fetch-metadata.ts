// One file of the federation's metadata, over its HTTPS port: no more of it than it may have.

import { request } from 'node:https';
import { ReleaseError } from './release-error.ts';

const timeoutMs = 30_000;

/** Of the federation's base URL and its CA. null: there is none of that name. Throws ReleaseError. */
export function metadataGetter({ url, ca }: { readonly url: string; readonly ca: string }) {
  return (name: string, maxBytes: number): Promise<Buffer | null> =>
    new Promise((resolve, reject) => {
      const target = `${url}/v1/releases/${name}`;
      const fail = (error: unknown): void => reject(unreachable(name, error));
      const asked = request(target, { ca, timeout: timeoutMs }, (answer) => {
        const { statusCode = 0 } = answer;
        if (statusCode === 404) {
          answer.resume();
          return resolve(null);
        }
        if (statusCode !== 200) return asked.destroy(new Error(`HTTP status ${statusCode}`));
        const parts: Buffer[] = [];
        let size = 0;
        answer.on('data', (part: Buffer) => {
          size += part.length;
          parts.push(part);
          if (size <= maxBytes) return;
          fail(oversize(name, maxBytes));
          asked.destroy();
        });
        answer.on('error', fail);
        answer.once('end', () => resolve(Buffer.concat(parts)));
      });
      asked.once('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', fail);
      asked.end();
    });
}

function oversize(name: string, maxBytes: number): ReleaseError {
  const text = `${name}: wanted at most ${maxBytes} bytes, found more. Nothing new is installed; what is installed goes on.`;
  return new ReleaseError('oversize', text);
}

function unreachable(name: string, error: unknown): ReleaseError {
  if (error instanceof ReleaseError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new ReleaseError(
    'unreachable',
    `${name} can't be fetched (${why}): it is tried again.`,
    error,
  );
}
