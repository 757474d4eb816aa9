// Brings a job's outputs into a folder: DIR/<index>/<path>. Each file is checked by its hash; what
// is there is kept, what was cut goes on. Nothing is ever written outside DIR.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import PQueue from 'p-queue';
import type { ReadResponse } from '../../proto/gen/google/bytestream/bytestream.ts';
import { TaskState, type OutputFile } from '../../proto/gen/punnet/v1/job.ts';
import { allPages, type Connection } from './connection.ts';
import { badInput, CliError, exitCodes } from './errors.ts';
import { hashFile } from './job-inputs.ts';

const parallelReads = 8;

/** What a fetch did. */
export interface Fetched {
  readonly tasks: number;
  readonly files: number;
  readonly skippedFiles: number;
  readonly bytes: number;
}

/** Fetches the outputs of the succeeded tasks for which `isWanted`. Throws the first failure. */
export async function fetchOutputs(
  connection: Connection,
  jobId: string,
  options: { readonly to: string; readonly isWanted: (index: number) => boolean },
): Promise<Fetched> {
  await mkdir(options.to, { recursive: true });
  const root = await realpath(options.to);
  const list = connection.jobs.listTasks.bind(connection.jobs);
  const tasks = await allPages(
    (pageToken) =>
      connection.call(list, { jobId, pageSize: 1000, pageToken, state: TaskState.SUCCEEDED }),
    (response) => response.tasks,
  );
  const wanted = tasks.filter((task) => options.isWanted(task.index));
  const sum = { tasks: wanted.length, files: 0, skippedFiles: 0, bytes: 0 };
  const queue = new PQueue({ concurrency: parallelReads });
  const work = wanted.map(({ index }) => async () => {
    const method = connection.jobs.getTaskResult.bind(connection.jobs);
    const { result } = await connection.call(method, { jobId, index });
    for (const output of result?.outputs ?? []) {
      const isNew = await fetchOne(connection, { root, jobId, index, output });
      if (isNew) sum.files += 1;
      else sum.skippedFiles += 1;
      if (isNew) sum.bytes += output.blob?.sizeBytes ?? 0;
    }
  });
  try {
    await queue.addAll(work);
  } catch (error) {
    queue.clear();
    throw connection.explain(error);
  }
  return sum;
}

/** Which task indexes "0-9,12" names. Throws a CliError on anything else. */
export function parseIndexes(text: string): (index: number) => boolean {
  const ranges = text.split(',').map((part) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (match === null) throw badInput(`--tasks: wanted indexes such as 0-9,12, found "${text}"`);
    const first = Number(match[1]);
    return { first, last: match[2] === undefined ? first : Number(match[2]) };
  });
  return (index) => ranges.some(({ first, last }) => index >= first && index <= last);
}

/** The place of an output below `root`. Throws when its path would leave its task's folder. */
export function outputPlace(root: string, index: number, outputPath: string): string {
  const folder = path.join(root, String(index));
  const place = path.resolve(folder, outputPath);
  const isInside = place.startsWith(folder + path.sep);
  if (isInside && !path.isAbsolute(outputPath) && !outputPath.includes('\0')) return place;
  throw new CliError(
    `task ${index}: refused the output "${outputPath}": it would leave ${folder}`,
    exitCodes.failed,
  );
}

interface Wanted {
  readonly root: string;
  readonly jobId: string;
  readonly index: number;
  readonly output: OutputFile;
}

async function fetchOne(connection: Connection, wanted: Wanted): Promise<boolean> {
  const { root, index, output } = wanted;
  const place = outputPlace(root, index, output.path);
  const blob = output.blob ?? { sha256: '', sizeBytes: 0 };
  await makeParent(root, place);
  const there = await stat(place).catch(() => undefined);
  if (there?.isFile() === true && there.size === blob.sizeBytes) {
    if ((await hashFile(place)).sha256 === blob.sha256) return false;
  }
  const part = `${place}.punnet-part`;
  const hash = createHash('sha256');
  const offset = await resumeAt(part, blob.sizeBytes, hash);
  await readInto(connection, wanted, { part, offset, hash });
  const found = hash.digest('hex');
  if (found !== blob.sha256) {
    await rm(part, { force: true });
    throw new CliError(
      `${place}: wanted sha256 ${blob.sha256}, found ${found}: fetch again`,
      exitCodes.failed,
    );
  }
  await rename(part, place);
  return true;
}

// A symlink below DIR could lead out of it: each folder on the way must be where it seems to be.
async function makeParent(root: string, place: string): Promise<void> {
  const parent = path.dirname(place);
  let at = root;
  for (const name of path.relative(root, parent).split(path.sep)) {
    at = path.join(at, name);
    await mkdir(at).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
    if ((await realpath(at)) === at) continue;
    throw new CliError(`refused to write ${place}: ${at} is a symlink`, exitCodes.failed);
  }
}

async function resumeAt(part: string, sizeBytes: number, hash: Hash): Promise<number> {
  const there = await stat(part).catch(() => undefined);
  if (there === undefined) return 0;
  if (!there.isFile() || there.size > sizeBytes) {
    await rm(part, { force: true });
    return 0;
  }
  for await (const chunk of createReadStream(part)) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return there.size;
}

async function readInto(
  connection: Connection,
  wanted: Wanted,
  to: { readonly part: string; readonly offset: number; readonly hash: Hash },
): Promise<void> {
  const sizeBytes = wanted.output.blob?.sizeBytes ?? 0;
  const file = await open(to.part, to.offset > 0 ? 'a' : 'w');
  try {
    if (to.offset >= sizeBytes) return;
    const { jobId, index, output } = wanted;
    const resourceName = `jobs/${jobId}/tasks/${index}/outputs/${output.path}`;
    const request = { resourceName, readOffset: to.offset, readLimit: 0 };
    const source: AsyncIterable<ReadResponse> = connection.bytes.read(request, connection.metadata);
    for await (const { data } of source) {
      to.hash.update(data);
      await file.write(data);
    }
  } finally {
    await file.close();
  }
}
