// Whether one machine of a lab reaches another.

import type { Space } from '../../lab/space.ts';

/** Whether somebody answers there: yes, refused (the machine is reached, nobody listens), or no. */
export function reaches(from: Space, address: string, port: number): string {
  return from.run(['node', '-e', tryToConnect, address, String(port)]).trim();
}

const tryToConnect = `
  const socket = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) });
  const say = (what) => { console.log(what); process.exit(); };
  socket.setTimeout(700, () => say('no'));
  socket.on('connect', () => say('yes'));
  socket.on('error', (error) => say(error.code === 'ECONNREFUSED' ? 'refused' : 'no'));`;
