// The files that a job file names: found and checked, hashed, and put into the specification as
// blobs. Folders of bundles are packed first.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { TaskManifest, type JobSpec, type TaskEntry } from '../../proto/gen/punnet/v1/job.ts';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import { packFolder } from './bundle-tar.ts';
import { readCsv, type CsvTable } from './csv-rows.ts';
import { expandGlob, isGlob } from './glob.ts';
import type { JobFile } from './job-file.ts';
import type { Problem } from './job-walker.ts';
import { noSuchFile } from './near-names.ts';

/** Bytes to upload: a file, or a small text in memory. */
export interface LocalBlob {
  readonly blob: BlobRef;
  readonly source: string | Uint8Array;
}

/** What a job file names on this machine. */
export interface NamedFiles {
  readonly problems: readonly Problem[];
  /** The files of `tasks.inputs`, in order. */
  readonly inputs: readonly string[];
  /** The table of `tasks.rows`. */
  readonly table: CsvTable | undefined;
}

/** Looks for every file, folder and glob; missing ones and empty globs become problems. */
export async function findNamedFiles(file: JobFile, folder: string): Promise<NamedFiles> {
  const problems: Problem[] = [];
  const inputs = new Set<string>();
  for (const [field, text] of file.texts) {
    const found = await lookFor(folder, field, text);
    if (typeof found !== 'string') found.forEach((input) => inputs.add(input));
    else problems.push({ offset: file.offsetOf(field), field, message: found });
  }
  const rows = file.texts.get('tasks.rows');
  const isThere = rows !== undefined && !problems.some(({ field }) => field === 'tasks.rows');
  const table = isThere ? await readCsv(path.resolve(folder, rows)) : undefined;
  return { problems, inputs: [...inputs], table };
}

/** The inputs that a field names, or what is wrong with the file that it names. */
async function lookFor(
  folder: string,
  field: string,
  text: string,
): Promise<string | readonly string[]> {
  const file = path.resolve(folder, text);
  if (/^tasks\.inputs\[\d+\]$/.test(field)) {
    if (!isGlob(text)) return (await fileProblem(file)) ?? [text];
    const found = await expandGlob(folder, text);
    return found.length > 0 ? found : `wanted files that match ${text}, found none in ${folder}`;
  }
  if (field === 'tasks.rows') return (await fileProblem(file)) ?? [];
  if (/^sharedInputs\[\d+\]\.file$/.test(field)) return (await fileProblem(file)) ?? [];
  if (/^bundles\["[^"]*"\]\.file$/.test(field)) return (await bundleProblem(file)) ?? [];
  return [];
}

async function fileProblem(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return `${file}: ${await noSuchFile(file)}`;
  if (found.isDirectory()) return `wanted a file, found a folder: ${file}`;
  return found.isFile() ? undefined : `wanted a plain file: ${file}`;
}

async function bundleProblem(file: string): Promise<string | undefined> {
  const isFolder = (await stat(file).catch(() => undefined))?.isDirectory() ?? false;
  if (isFolder) {
    return (await readdir(file)).length > 0
      ? undefined
      : `wanted a program, found nothing in ${file}`;
  }
  const problem = await fileProblem(file);
  if (problem !== undefined) return problem;
  return (await isTar(file)) ? undefined : `wanted a folder, a .tar or a .tar.gz: ${file}`;
}

async function isTar(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const head = Buffer.alloc(512);
    await handle.read(head);
    return head.toString('latin1', 257, 262) === 'ustar' || head.readUInt16BE(0) === 0x1f8b;
  } finally {
    await handle.close();
  }
}

/** The specification with blobs in the place of local files, and the blobs to upload. */
export async function replaceFiles(
  spec: JobSpec,
  where: Pick<NamedFiles, 'inputs' | 'table'> & {
    readonly folder: string;
    readonly scratch: string;
  },
): Promise<{ readonly spec: JobSpec; readonly blobs: readonly LocalBlob[] }> {
  const blobs: LocalBlob[] = [];
  const add = async (file: string): Promise<BlobRef> => {
    const local = { blob: await hashFile(file), source: file };
    blobs.push(local);
    return local.blob;
  };
  const bundles: JobSpec['bundles'] = {};
  for (const [architecture, bundle] of Object.entries(spec.bundles)) {
    bundles[architecture] = bundle;
    if (bundle.source?.$case !== 'file') continue;
    const file = await bundleFile(path.resolve(where.folder, bundle.source.value), {
      packed: path.join(where.scratch, `${architecture}.tar`),
    });
    bundles[architecture] = { ...bundle, source: { $case: 'blob', value: await add(file) } };
  }
  const sharedInputs: JobSpec['sharedInputs'] = [];
  for (const input of spec.sharedInputs) {
    if (input.source?.$case !== 'file') sharedInputs.push(input);
    else {
      const value = await add(path.resolve(where.folder, input.source.value));
      const inTask = input.path === '' ? path.basename(input.source.value) : input.path;
      sharedInputs.push({ path: inTask, source: { $case: 'blob', value } });
    }
  }
  const list = await taskList(where, add);
  if (list.length === 0) return { spec: { ...spec, bundles, sharedInputs }, blobs };
  const bytes = TaskManifest.encode({ tasks: list }).finish();
  const manifest = hashBytes(bytes);
  blobs.push({ blob: manifest, source: bytes });
  const columns = [...(where.table?.columns ?? [])];
  const tasks = { count: 0, inputs: [], rows: '', manifest, columns, outputsOf: '' };
  return { spec: { ...spec, bundles, sharedInputs, tasks }, blobs };
}

/** A task for each input, or for each row. */
async function taskList(
  { folder, inputs, table }: Pick<NamedFiles, 'inputs' | 'table'> & { readonly folder: string },
  add: (file: string) => Promise<BlobRef>,
): Promise<TaskEntry[]> {
  const rows = table?.rows ?? [];
  const tasks = rows.map((row) => ({ path: '', blob: undefined, values: [...row] }));
  if (tasks.length > 0) return tasks;
  const entries: TaskEntry[] = [];
  for (const input of inputs) {
    const blob = await add(path.resolve(folder, input));
    entries.push({ path: pathInTask(input), blob, values: [] });
  }
  return entries;
}

/** SHA-256 and size of a file. */
export async function hashFile(file: string): Promise<BlobRef> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(file)) {
    if (!Buffer.isBuffer(chunk)) continue;
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

function hashBytes(bytes: Uint8Array): BlobRef {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length };
}

async function bundleFile(file: string, to: { readonly packed: string }): Promise<string> {
  if (!(await stat(file)).isDirectory()) return file;
  await packFolder(file, to.packed);
  return to.packed;
}

// A task's own input keeps its path beside the job file; one from elsewhere keeps its base name.
function pathInTask(input: string): string {
  const normal = path.normalize(input);
  return path.isAbsolute(normal) || normal.startsWith('..') ? path.basename(normal) : normal;
}
