// Ports that nobody named: chosen once, outside the range that the kernel gives to outgoing
// connections, and kept in `<data>/ports.json`, so that agents find the scheduler again.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { DataFolderError, readIfThere, writeDurably } from './durable-file.ts';

const stored = z.record(z.string(), z.int().min(1).max(65_535));

/** Below Linux's range for outgoing connections (32768 to 60999), where a kept port would now and
 * then be taken by one of them, and above the ports of well-known services. */
const lowest = 20_000;
const highest = 32_767;
/** Busy ports met in a row before there is something else wrong. */
const maxTries = 100;

export class KeptPorts {
  readonly #file: string;
  readonly #ports: Record<string, number>;

  /** Reads what was chosen before. */
  constructor(dataFolder: string) {
    this.#file = path.join(dataFolder, 'ports.json');
    const text = readIfThere(this.#file);
    try {
      this.#ports = text === null ? {} : stored.parse(JSON.parse(text));
    } catch {
      throw new DataFolderError(
        `${this.#file} is damaged: write the ports that agents know into it, as {"https": 8443}`,
      );
    }
  }

  /** The port kept under this name; at the first time a free one. */
  async port(name: string, host: string): Promise<number> {
    const kept = this.#ports[name];
    if (kept !== undefined) return kept;
    this.#ports[name] = await freePort(host);
    writeDurably(this.#file, JSON.stringify(this.#ports));
    return this.#ports[name];
  }
}

async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port, host)) return port;
  }
  throw new Error(`no free port on ${host} in ${maxTries} tries from ${lowest} to ${highest}`);
}

/** Whether somebody could listen there now. Throws when the address is not this machine's. */
export function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
