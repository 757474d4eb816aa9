// The address that this home has on its line, which no node knows by itself: the federation says where a question
// came from. A home's router answers there, and mostly lets its own nodes in.

import { get } from 'node:https';
import { isIP } from 'node:net';

const answerMs = 10_000;
/** Longer than any address. */
const answerBytes = 64;

/** @param url of the federation, whose CA is `ca`. Rejects where it does not say. */
export function askOwnAddress(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(`${url}/v1/address`, { ca, timeout: answerMs, agent: false }, (answer) => {
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
