// A release's tar: made of a folder, or as it is, and sent. Its bytes depend on the files' content only and
// are not compressed, so that nodes find again what they have of the version before.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  agentRelease,
  listed,
  readTarget,
  type ReleaseTarget,
  targetPath,
} from '../../proto/release-target.ts';
import { encodeIndex } from '../../proto/chunks.ts';
import { contentCutter } from '../chunking/cutter.ts';
import { makeIndex } from '../chunking/make-index.ts';
import { packFolder } from './bundle-tar.ts';
import type { Connection } from './connection.ts';
import { badInput, codeOf } from './errors.ts';
import type { CliIo } from './io.ts';
import { liveLine } from './live-line.ts';
import { bytesText } from './print.ts';
import { uploadMissing } from './upload.ts';

/** Of a file in the folder that the agent is started from. */
export const agentFile = 'punnet-agent.cjs';

export interface WantedRelease {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly hook: string;
  readonly serial: number;
  /** A folder or a tar. */
  readonly from: string;
}

/** Sends the blob, and returns what the list will say of it. Throws a CliError. */
export async function sendRelease(
  { connection, io }: { readonly connection: Connection; readonly io: CliIo },
  wanted: WantedRelease,
): Promise<ReleaseTarget> {
  const temporary = await mkdtemp(path.join(tmpdir(), 'punnet-release-'));
  try {
    const tar = await tarOf(wanted, path.join(temporary, 'release.tar'));
    const { size: sizeBytes } = await stat(tar);
    const sha256 = await hashOf(tar);
    const index = encodeIndex(await makeIndex(createReadStream(tar), contentCutter()));
    const indexSha256 = createHash('sha256').update(index).digest('hex');
    const indexBytes = index.length;
    const target = checked({ ...wanted, sha256, sizeBytes, indexSha256, indexBytes });
    const blobs = [
      { blob: { sha256, sizeBytes }, source: tar },
      { blob: { sha256: indexSha256, sizeBytes: indexBytes }, source: index },
    ];
    const line = liveLine(io);
    await uploadMissing(connection, blobs, (sent, all) =>
      line.show(() => `${bytesText(sent)} of ${bytesText(all)} sent`),
    );
    line.end('');
    return target;
  } finally {
    await rm(temporary, { recursive: true });
  }
}

function checked(
  wanted: WantedRelease &
    Pick<ReleaseTarget, 'sha256' | 'sizeBytes' | 'indexSha256' | 'indexBytes'>,
): ReleaseTarget {
  const { from: _, ...of } = wanted;
  const kind = wanted.name === agentRelease ? 'agent' : 'files';
  const target: ReleaseTarget = { ...of, kind };
  const problem = readTarget(targetPath(target), listed(target));
  if (typeof problem === 'string') throw badInput(problem);
  return target;
}

async function tarOf({ name, from, hook }: WantedRelease, to: string): Promise<string> {
  const found = await stat(from).catch((cause: unknown) => {
    throw badInput(
      `${from}: wanted a folder or a tar, and can't read it (${codeOf(cause)})`,
      cause,
    );
  });
  if (!found.isDirectory()) {
    await mustBeTar(from);
    return from;
  }
  const needed = [...(name === agentRelease ? [agentFile] : []), ...(hook === '' ? [] : [hook])];
  for (const file of needed) {
    const inside = await stat(path.join(from, file)).catch(() => undefined);
    if (inside?.isFile() !== true)
      throw badInput(`${from}: wanted the file ${file} in it, found none`);
  }
  await packFolder(from, to);
  return to;
}

/** "ustar" stands at byte 257 of each tar that this project or GNU tar writes. */
async function mustBeTar(file: string): Promise<void> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(5), 0, 5, 257);
    if (buffer.toString('latin1') === 'ustar') return;
  } finally {
    await handle.close();
  }
  throw badInput(`${file}: wanted a tar that is not compressed, found something else`);
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
