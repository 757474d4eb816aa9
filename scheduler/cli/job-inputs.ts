// The files that a job file names: found and checked, hashed, and put into the specification as
// blobs. Folders of bundles are packed first.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { TaskManifest, type JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import { packFolder } from './bundle-tar.ts';
import { expandGlob, isGlob } from './glob.ts';
import type { JobFile } from './job-file.ts';
import type { Problem } from './job-walker.ts';
import { noSuchFile } from './near-names.ts';

/** Bytes to upload: a file, or a small text in memory. */
export interface LocalBlob {
  readonly blob: BlobRef;
  readonly source: string | Uint8Array;
}

/** What a job file names on this machine. `inputs`: the files of `tasks.inputs`, in order. */
export interface NamedFiles {
  readonly problems: readonly Problem[];
  readonly inputs: readonly string[];
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
  return { problems, inputs: [...inputs] };
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
  where: { readonly folder: string; readonly scratch: string; readonly inputs: readonly string[] },
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
  let tasks = spec.tasks;
  if (tasks !== undefined && where.inputs.length > 0) {
    const manifest: TaskManifest = { tasks: [] };
    for (const input of where.inputs) {
      const blob = await add(path.resolve(where.folder, input));
      manifest.tasks.push({ path: pathInTask(input), blob });
    }
    const bytes = TaskManifest.encode(manifest).finish();
    blobs.push({ blob: hashBytes(bytes), source: bytes });
    tasks = { ...tasks, inputs: [], manifest: hashBytes(bytes) };
  }
  return { spec: { ...spec, bundles, sharedInputs, tasks }, blobs };
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
