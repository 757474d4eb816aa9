// One agent for each state folder, which tells its status to whoever asks: a unix socket in the folder. Not
// an abstract one, which goes with its process: to Node 18, as Raspberry Pi OS has it, all of those have one name.

import { chmodSync, closeSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

const name = 'agent.sock';
/** Each time another agent that had ended was cleared away. */
const mostTries = 5;

/**
 * Takes the folder until the process ends. False when another agent has it.
 *
 * @param status what whoever asks is told.
 */
export async function takeFolder(folder: string, status: () => string): Promise<boolean> {
  const at = below(folder);
  const own = `${at.path}/agent-${process.pid}.sock`;
  rmSync(own, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(status());
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(own, resolve);
  });
  chmodSync(own, 0o600);
  for (let tries = 0; tries < mostTries; tries += 1) {
    // The file system lets one only make the name.
    if (hasLinked(own, `${at.path}/${name}`)) {
      rmSync(own);
      return true;
    }
    if (!(await clearAway(at.path, own))) break;
  }
  server.close();
  at.close();
  return false;
}

/** What the agent that has the folder says of itself; null: none runs. */
export async function askFolder(folder: string): Promise<string | null> {
  let at: ReturnType<typeof below> | undefined;
  try {
    at = below(folder);
    return await textOf(connect(`${at.path}/${name}`));
  } catch {
    return null;
  } finally {
    at?.close();
  }
}

/** Not by node:stream/consumers: it would stay in the agent's memory. */
async function textOf(socket: Socket): Promise<string> {
  const parts: string[] = [];
  for await (const part of socket.setEncoding('utf8')) parts.push(String(part));
  return parts.join('');
}

/** Takes away the socket of an agent that has ended; false: somebody lives there. */
async function clearAway(folder: string, own: string): Promise<boolean> {
  const shared = `${folder}/${name}`;
  if (await isAnswered(shared)) return false;
  // Another agent that starts now may have cleared it, and be there itself: one only moves a file.
  const aside = `${own}.old`;
  try {
    renameSync(shared, aside);
  } catch {
    return true;
  }
  const isAlive = await isAnswered(aside);
  if (isAlive) hasLinked(aside, shared);
  rmSync(aside, { force: true });
  return !isAlive;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isNobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      if (isNobody) resolve(false);
      else reject(error);
    });
    socket.resume();
  });
}

function hasLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** A short name for the folder: the path of a socket has 107 bytes. It holds until it is closed. */
function below(folder: string): { readonly path: string; readonly close: () => void } {
  const handle = openSync(folder, 'r');
  return { path: `/proc/self/fd/${handle}`, close: () => closeSync(handle) };
}
