// The address that this home has on its line, which no node knows by itself: the federation says where a question
// came from. A home's router answers there, and mostly lets its own nodes in.

import { lookup as systemLookup } from 'node:dns';
import { get } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

const answerMs = 10_000;
/** Longer than any address. */
const answerBytes = 64;

/** No address of that family, or no such name at all. */
const isNone: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * That of IPv4 where the federation has one: of IPv6 a node has its own, which says nothing of the router's.
 *
 * @param url of the federation, whose CA is `ca`. Rejects where it does not say.
 */
export async function askOwnAddress(
  url: string,
  ca: string,
  lookup: LookupFunction = systemLookup,
): Promise<string> {
  try {
    return await ask(url, { ca, lookup, family: 4 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && isNone.has(error.code))) throw error;
    return ask(url, { ca, lookup });
  }
}

interface How {
  readonly ca: string;
  readonly lookup: LookupFunction;
  readonly family?: 4;
}

function ask(url: string, how: How): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ...how, timeout: answerMs, agent: false } as const;
    const asked = get(`${url}/v1/address`, options, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => {
        text += part.toString('latin1');
        if (text.length > answerBytes) asked.destroy(new Error('its answer is too long'));
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const address = text.trim().replace(/^::ffff:(?=\d+\.)/, '');
        if (answer.statusCode === 200 && isIP(address) !== 0) resolve(address);
        else reject(new Error(`HTTP status ${answer.statusCode} and no address`));
      });
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
  });
}
