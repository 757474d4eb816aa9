// An answer after which nothing more comes.

import type { Socket } from 'node:net';

/** Who closes with something unread makes the other end forget the answer. */
const lingerMs = 2_000;

/** Sends it, and leaves the socket to what the other end still sends for a moment. */
export function sayLast(socket: Socket, text: string): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroySoon());
  socket.resume();
  socket.end(text);
}
