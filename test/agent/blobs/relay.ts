// A TCP relay between a client and a server that counts what moves, and can cut a line.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export class Relay {
  readonly #server = createServer((near) => this.#join(near));
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  bytesDown = 0;
  bytesUp = 0;
  /** Lines are cut once when so many more bytes have come down. */
  cutAfterBytes = Number.POSITIVE_INFINITY;
  /** The same, of bytes that have gone up. */
  cutAfterBytesUp = Number.POSITIVE_INFINITY;

  private constructor(port: number) {
    this.#port = port;
  }

  /** A relay to a port of this machine. */
  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await once(relay.#server.listen(0, 'localhost'), 'listening');
    return relay;
  }

  get port(): number {
    // It listens on TCP.
    return (this.#server.address() as AddressInfo).port;
  }

  reset(): void {
    this.bytesDown = 0;
    this.bytesUp = 0;
  }

  /** Waits until every line is closed: what was on its way has been counted. */
  async closed(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => once(socket, 'close')));
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#port, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (part) => {
      this.bytesUp += part.length;
      this.cutAfterBytesUp -= part.length;
      if (this.cutAfterBytesUp > 0) return;
      this.cutAfterBytesUp = Number.POSITIVE_INFINITY;
      near.destroy();
    });
    far.on('data', (part) => {
      this.bytesDown += part.length;
      this.cutAfterBytes -= part.length;
      if (this.cutAfterBytes > 0) return;
      this.cutAfterBytes = Number.POSITIVE_INFINITY;
      near.destroy();
    });
    near.pipe(far).pipe(near);
  }
}
