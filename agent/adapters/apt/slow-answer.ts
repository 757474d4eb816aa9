// An answer for which apt has to wait. It gives up on a proxy that says nothing for 30 s, so that the head of the answer is
// said line by line: any number of lines may stand there. What is said so early can't be taken back: an answer that then
// fails is broken off, and apt asks again.

import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** A third of what apt waits. */
const everyMs = 10_000;

export class SlowAnswer {
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;
  #hasBegun = false;

  constructor(response: ServerResponse, lineEveryMs = everyMs) {
    this.#response = response;
    this.#timer = setInterval(() => this.#line(), lineEveryMs);
  }

  /** Whether something of it was said. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  #line(): void {
    // Requests that came before on its line are answered first, and have lines of their own.
    const { socket } = this.#response;
    if (socket === null || this.#response.headersSent) return;
    socket.write(this.#hasBegun ? 'X-Punnet: waits\r\n' : 'HTTP/1.1 200 OK\r\n');
    this.#hasBegun = true;
  }

  /** Whether it was sent: not when the file has gone, or is another. */
  async sendFile(path: string, sizeBytes: number): Promise<boolean> {
    const file = await open(path).catch(() => null);
    if (file === null) return false;
    const { size } = await file.stat();
    if (size !== sizeBytes) {
      await file.close();
      return false;
    }
    await this.send([file.createReadStream()], sizeBytes);
    return true;
  }

  /** Its end: so many bytes, through these streams. */
  async send(bytes: readonly NodeJS.ReadableStream[], sizeBytes: number): Promise<void> {
    this.end();
    const { socket } = this.#response;
    const type = 'application/vnd.debian.binary-package';
    if (!this.#hasBegun || socket === null) {
      this.#response.writeHead(200, { 'content-type': type, 'content-length': sizeBytes });
      return await pipeline([...bytes, this.#response]);
    }
    // Node.js knows nothing of this answer, so that its line ends with it.
    socket.write(
      `Content-Type: ${type}\r\nContent-Length: ${sizeBytes}\r\nConnection: close\r\n\r\n`,
    );
    await pipeline([...bytes, socket]);
  }

  /** No more lines are said. */
  end(): void {
    clearInterval(this.#timer);
  }
}
