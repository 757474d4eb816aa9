// Whether an OpenVPN server can be reached: one first packet of its protocol (a hard reset under
// tls-crypt, as openvpn's own client begins), and anything that comes back.

import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

/** P_CONTROL_HARD_RESET_CLIENT_V2, with key 0. */
const opcode = 7 << 3;
const answerMs = 3_000;
/** A packet may be lost. */
const tries = 2;

export interface Remote {
  readonly host: string;
  readonly port: number;
  readonly isTcp: boolean;
}

/** The servers of a profile. */
export function remotesOf(profile: string): readonly Remote[] {
  return [...profile.matchAll(/^remote (\S+) (\d+) (udp|tcp)/gm)].map(([, host, port, kind]) => ({
    host: host ?? '',
    port: Number(port),
    isTcp: kind === 'tcp',
  }));
}

/** The client's half of a static key file: it enciphers with the second key of the two. */
export function resetPacket(keyFile: string, nowMs: number): Buffer {
  const hex = /BEGIN OpenVPN Static key V1-----([0-9a-f\s]+)-----END/.exec(keyFile)?.[1] ?? '';
  const key = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  const cipherKey = key.subarray(128, 160);
  const hmacKey = key.subarray(192, 224);
  const header = Buffer.concat([Buffer.of(opcode), randomBytes(8), Buffer.alloc(8)]);
  header.writeUInt32BE(1, 9);
  header.writeUInt32BE(Math.floor(nowMs / 1000), 13);
  // No acknowledgements, packet 0.
  const plain = Buffer.alloc(5);
  const tag = createHmac('sha256', hmacKey).update(header).update(plain).digest();
  const cipher = createCipheriv('aes-256-ctr', cipherKey, tag.subarray(0, 16));
  return Buffer.concat([header, tag, cipher.update(plain)]);
}

/** Resolves with whether anything came back. Never rejects. */
export async function isAnswering(remote: Remote, keyFile: string): Promise<boolean> {
  if (remote.isTcp) return isListening(remote);
  for (let count = 0; count < tries; count += 1) {
    if (await isAnsweringOnce(remote, keyFile)) return true;
  }
  return false;
}

function isAnsweringOnce({ host, port }: Remote, keyFile: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (isAnswered: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(isAnswered);
    };
    const timer = setTimeout(() => end(false), answerMs);
    socket.once('message', () => end(true));
    socket.once('error', () => end(false));
    socket.send(resetPacket(keyFile, Date.now()), port, host, (error) => {
      if (error !== null) end(false);
    });
  });
}

/** Resolves with whether a TCP connection was made. */
export function isListening({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: answerMs });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
