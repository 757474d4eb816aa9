// Brings a job's outputs into a folder: DIR/<index>/<path>. What is there is kept, what differs is
// not written over. Nothing that a scheduler or a node says can lead out of DIR.
import { lstat, mkdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import PQueue from 'p-queue';
import { TaskState, type OutputFile, type Task } from '../../proto/gen/punnet/v1/job.ts';
import { allPages, type Connection } from './connection.ts';
import { download } from './download.ts';
import { badInput, CliError, codeOf, exitCodes, isServiceError, reasonOf } from './errors.ts';
import { hashFile } from './job-inputs.ts';
import { makeFolder } from './make-folder.ts';

const parallelReads = 8;
// Files are put together here, beside the numbered folders of the tasks, and moved when whole.
const partsFolder = '.punnet-parts';

/** What a fetch did. */
export interface Fetched {
  readonly tasks: number;
  readonly files: number;
  readonly skippedFiles: number;
  readonly bytes: number;
}

export interface FetchOptions {
  readonly to: string;
  readonly isWanted: (index: number) => boolean;
  /** Write over files that differ. */
  readonly isForced?: boolean;
  /** What stays on nodes and does not come is left for a later fetch, and not told. */
  readonly leavesKept?: boolean;
  /** Hears of each piece of a file that came, and the index of each task whose files are there. */
  readonly progress?: (came: { readonly bytes?: number; readonly task?: number }) => void;
  /** A word to the user. */
  readonly note?: (text: string) => void;
}

/** Fetches the outputs of the succeeded tasks that are wanted. Throws the first failure; but what stays on a node that is away, or was
 * lost with one, is told when all others are here. */
export async function fetchOutputs(
  connection: Connection,
  jobId: string,
  options: FetchOptions,
): Promise<Fetched> {
  makeFolder(options.to);
  const root = await realpath(options.to);
  const parts = path.join(root, partsFolder);
  await makeInside(root, parts);
  const indexes = (await succeededTasks(connection, jobId)).filter(options.isWanted);
  const sum = { tasks: indexes.length, files: 0, skippedFiles: 0, bytes: 0 };
  const queue = new PQueue({ concurrency: parallelReads });
  const abort = new AbortController();
  const { signal } = abort;
  const kept = new KeptOutputs(options);
  const work = indexes.map((index) => async () => {
    const method = connection.jobs.getTaskResult.bind(connection.jobs);
    const { task, result, kept: paths } = await connection.call(method, { jobId, index });
    let isWhole = true;
    for (const [at, output] of (result?.outputs ?? []).entries()) {
      if (signal.aborted) return;
      const part = path.join(parts, `${index}-${at}-${checkedHash(output)}`);
      if (paths.includes(output.path)) kept.note(task);
      const isNew = await fetchOne(connection, {
        ...{ ...options, root, part, jobId, index, output, signal },
      }).catch((error: unknown) => kept.hear(error));
      isWhole &&= isNew !== undefined;
      if (isNew) sum.files += 1;
      else if (isNew === false) sum.skippedFiles += 1;
      if (isNew) sum.bytes += output.blob?.sizeBytes ?? 0;
    }
    if (isWhole) options.progress?.({ task: index });
  });
  try {
    await queue.addAll(work);
  } catch (error) {
    queue.clear();
    abort.abort();
    await queue.onIdle();
    throw connection.explain(error);
  }
  if (options.leavesKept !== true) kept.tell();
  await rm(parts, { recursive: true, force: true });
  return sum;
}

/** Outputs that stay on their nodes until somebody asks for them. */
class KeptOutputs {
  readonly #options: Pick<FetchOptions, 'note'>;
  readonly #noted = new Set<string>();
  readonly #lost: string[] = [];
  readonly #away: string[] = [];

  constructor(options: Pick<FetchOptions, 'note'>) {
    this.#options = options;
  }

  /** Once for each node: it may have thousands of them. */
  note(task: Task | undefined): void {
    const { nodeId = '', nodeName = '', siteId = '' } = task ?? {};
    if (this.#noted.has(nodeId)) return;
    this.#noted.add(nodeId);
    const place = `node ${nodeName} (site ${siteId})`;
    this.#options.note?.(
      `outputs that stay on ${place} are sent now, as fast as that site's uplink lets them`,
    );
  }

  /** Others may still come. Throws what has nothing to do with where outputs stay. */
  hear(error: unknown): undefined {
    const reason = isServiceError(error) ? reasonOf(error) : '';
    if (!isServiceError(error) || !reason.startsWith('KEPT_')) throw error;
    (reason === 'KEPT_GONE' ? this.#lost : this.#away).push(error.details);
  }

  tell(): void {
    const texts = [this.#lost, this.#away].flatMap(([first, ...others]) => {
      if (first === undefined) return [];
      return others.length === 0 ? [first] : [first, `So it is with ${others.length} more.`];
    });
    if (texts.length === 0) return;
    throw new CliError(`${texts.join(' ')} What came is kept.`, exitCodes.failed);
  }
}

async function succeededTasks(connection: Connection, jobId: string): Promise<readonly number[]> {
  const list = connection.jobs.listTasks.bind(connection.jobs);
  const state = TaskState.SUCCEEDED;
  const tasks = await allPages(
    (pageToken) => connection.call(list, { jobId, pageSize: 1000, pageToken, state }),
    (response) => response.tasks,
  );
  return tasks.map((task) => task.index);
}

/** Which task indexes "0-9,12" names, and how many. Throws a CliError on anything else. */
export function parseIndexes(
  text: string,
  taskCount: number,
): { readonly isWanted: (index: number) => boolean; readonly count: number } {
  const ranges = text.split(',').map((part) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!(first <= last)) {
      throw badInput(`--tasks: wanted indexes such as 0-9,12, found "${text}"`);
    }
    if (last < taskCount) return { first, last };
    const range = `0 to ${taskCount - 1}`;
    throw badInput(`--tasks: wanted tasks of the job, ${range}, found "${part.trim()}"`);
  });
  const isWanted = (index: number): boolean =>
    ranges.some(({ first, last }) => index >= first && index <= last);
  let count = 0;
  for (let index = 0; index < taskCount; index += 1) if (isWanted(index)) count += 1;
  return { isWanted, count };
}

/** The place of an output below `root`. Throws when its path would leave its task's folder. */
export function outputPlace(root: string, index: number, outputPath: string): string {
  const folder = path.join(root, String(index));
  const place = path.resolve(folder, outputPath);
  const isInside = place.startsWith(folder + path.sep);
  if (isInside && !path.isAbsolute(outputPath) && !outputPath.includes('\0')) return place;
  throw new CliError(
    `task ${index}: refused the output ${JSON.stringify(outputPath)}: it would leave ${folder}`,
    exitCodes.failed,
  );
}

/** It becomes part of a file's name. */
function checkedHash({ path: name, blob }: OutputFile): string {
  if (/^[0-9a-f]{64}$/.test(blob?.sha256 ?? '')) return blob?.sha256 ?? '';
  throw new CliError(`the output ${JSON.stringify(name)} has no sha256`, exitCodes.failed);
}

interface Wanted extends FetchOptions {
  readonly root: string;
  /** Where it is put together. */
  readonly part: string;
  readonly jobId: string;
  readonly index: number;
  readonly output: OutputFile;
  readonly signal: AbortSignal;
}

async function fetchOne(connection: Connection, wanted: Wanted): Promise<boolean> {
  const { root, part, jobId, index, output, signal } = wanted;
  const blob = output.blob ?? { sha256: '', sizeBytes: 0 };
  const place = outputPlace(root, index, output.path);
  await makeInside(root, path.dirname(place));
  const there = await lstat(place).catch(() => undefined);
  if (there?.isFile() === true && there.size === blob.sizeBytes) {
    if ((await hashFile(place)).sha256 === blob.sha256) return false;
  }
  if (there?.isDirectory() === true) {
    throw badInput(`${place}: wanted to write a file, found a folder: move it away`);
  }
  if (there !== undefined && wanted.isForced !== true) {
    throw badInput(`${place}: another file is there: move it away, or write over it with --force`);
  }
  const resourceName = `jobs/${jobId}/tasks/${index}/outputs/${output.path}`;
  const came = (bytes: number): void => wanted.progress?.({ bytes });
  await download(connection, { resourceName, blob, signal, came }, part);
  await rename(part, place);
  return true;
}

/** Makes a folder below `root`. A symlink on the way could lead out of it, and is refused. */
async function makeInside(root: string, folder: string): Promise<void> {
  let at = root;
  for (const name of path.relative(root, folder).split(path.sep)) {
    at = path.join(at, name);
    await mkdir(at).catch((error: unknown) => {
      if (!(codeOf(error) === 'EEXIST')) throw error;
    });
    const found = await lstat(at);
    if (found.isDirectory()) continue;
    const kind = found.isSymbolicLink() ? 'a symlink' : 'a file';
    throw badInput(`${at}: wanted a folder, found ${kind}: move it away`);
  }
}
