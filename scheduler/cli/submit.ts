// Submitting, or changing a service: check the file here, let the scheduler check the specification, upload, submit. A
// request id kept on disk makes it harmless to do it again after Ctrl-C or a lost answer.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobSpec, TaskManifest, type Job } from '../../proto/gen/punnet/v1/job.ts';
import type { SubmitJobRequest, TryJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { Connection } from './connection.ts';
import { configFolder } from './context.ts';
import { checkBundles } from './bundle-check.ts';
import { tableText, type CsvTable } from './csv-rows.ts';
import { badInput, fieldViolations, isServiceError } from './errors.ts';
import type { CliError, FieldViolation } from './errors.ts';
import type { CliIo } from './io.ts';
import { problemsOf, readJobFile, type JobFile } from './job-file.ts';
import { findNamedFiles, replaceFiles, type LocalBlob, type NamedFiles } from './job-inputs.ts';
import { liveLine, meanRateText } from './live-line.ts';
import { bytesText } from './print.ts';
import { uploadMissing } from './upload.ts';

interface SubmitOptions {
  readonly file: string;
  readonly requestId: string | undefined;
  /** The id of the service that becomes what the file says; without: a new job. */
  readonly service?: string;
}

/** Submits a job file; returns the job. Throws a CliError that tells every mistake at its place. */
export async function submitFile(
  connection: Connection,
  io: CliIo,
  options: SubmitOptions,
): Promise<Job> {
  const { service = '' } = options;
  const send = sender(connection, service);
  const folder = path.dirname(path.resolve(options.file));
  const file = await readJobFile(options.file);
  const named = await findNamedFiles(file, folder);
  const draft = await checkDraft(send, file, named);
  const scratch = await mkdtemp(path.join(tmpdir(), 'punnet-submit-'));
  try {
    const where = { ...named, folder, scratch };
    const { spec, blobs } = await replaceFiles(draft, where);
    const misfits = await checkBundles(spec, blobs);
    if (misfits.length > 0) throw refusal(file, named, misfits);
    await uploadMissing(connection, blobs, uploadProgress(io));
    const goal = `${connection.endpoint}${service}`;
    const pending = await pendingRequest(io, goal, spec);
    const requestId = options.requestId ?? pending.requestId;
    const sent = await send({ spec, requestId, validateOnly: false });
    if ('violations' in sent) throw refusal(file, named, sent.violations);
    await rm(pending.file, { force: true });
    return sent.job;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What would become of a job file: nothing is uploaded, nothing submitted. */
export async function tryFile(connection: Connection, jobFile: string): Promise<TryJobResponse> {
  const folder = path.dirname(path.resolve(jobFile));
  const file = await readJobFile(jobFile);
  const named = await findNamedFiles(file, folder);
  const draft = await checkDraft(sender(connection, ''), file, named);
  const scratch = await mkdtemp(path.join(tmpdir(), 'punnet-submit-'));
  try {
    const { spec, blobs } = await replaceFiles(draft, { ...named, folder, scratch });
    const misfits = await checkBundles(spec, blobs);
    if (misfits.length > 0) throw refusal(file, named, misfits);
    const method = connection.jobs.tryJob.bind(connection.jobs);
    return await connection
      .raw(method, { spec, ...tasksOf(spec, blobs) })
      .catch((error: unknown) => {
        throw refusal(file, named, violationsOf(connection, error));
      });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** How many tasks a manifest has, and the bytes of their inputs together. */
function tasksOf(
  { tasks }: JobSpec,
  blobs: readonly LocalBlob[],
): { readonly tasks: number; readonly inputBytes: number } {
  const { sha256 } = tasks?.manifest ?? { sha256: '' };
  const found = blobs.find(({ blob }) => blob.sha256 === sha256)?.source;
  const list = found instanceof Uint8Array ? TaskManifest.decode(found).tasks : [];
  const inputBytes = list.reduce((sum, { blob }) => sum + (blob?.sizeBytes ?? 0), 0);
  return { tasks: list.length, inputBytes };
}

/** The specification, once nothing is wrong with it here or in the eyes of the scheduler. */
async function checkDraft(send: Send, file: JobFile, named: NamedFiles): Promise<JobSpec> {
  if (file.spec === undefined) throw badInput(file.tell([...file.problems, ...named.problems]));
  const spec = withColumns(file.spec, named.table);
  const sent = await send({ spec, requestId: '', validateOnly: true });
  const violations = 'violations' in sent ? sent.violations : [];
  if (named.problems.length + violations.length > 0) throw refusal(file, named, violations);
  return spec;
}

function withColumns(spec: JobSpec, table: CsvTable | undefined): JobSpec {
  if (table === undefined || spec.tasks === undefined) return spec;
  return { ...spec, tasks: { ...spec.tasks, columns: [...table.columns] } };
}

type Sent = { readonly job: Job } | { readonly violations: readonly FieldViolation[] };

type Send = (request: SubmitJobRequest) => Promise<Sent>;

/** Submits a new job, or changes the service of this id. */
function sender(connection: Connection, jobId: string): Send {
  const { jobs } = connection;
  return async (request) => {
    try {
      const { job } =
        jobId === ''
          ? await connection.raw(jobs.submitJob.bind(jobs), request)
          : await connection.raw(jobs.updateJob.bind(jobs), { ...request, jobId });
      if (job === undefined) throw new Error('the scheduler answered without a job');
      return { job };
    } catch (error) {
      return { violations: violationsOf(connection, error) };
    }
  };
}

/** The fields that the scheduler refused. Throws what else went wrong. */
function violationsOf(connection: Connection, error: unknown): readonly FieldViolation[] {
  const violations = isServiceError(error) ? fieldViolations(error) : [];
  if (violations.length === 0) throw connection.explain(error);
  return violations;
}

/** All that is wrong, at its place in the job file or in the table of its tasks. */
function refusal(
  file: JobFile,
  { problems, table }: NamedFiles,
  violations: readonly FieldViolation[],
): CliError {
  const inTable = violations.map((violation) => tableText(table, violation));
  const inFile = violations.filter((_, at) => inTable[at] === undefined);
  const told = [file.tell([...problems, ...problemsOf(file, inFile)]), ...inTable];
  return badInput(told.filter((text) => text !== undefined && text !== '').join('\n'));
}

// One file for each specification that was sent and not acknowledged yet.
async function pendingRequest(
  io: CliIo,
  goal: string,
  spec: JobSpec,
): Promise<{ readonly file: string; readonly requestId: string }> {
  const hash = createHash('sha256').update(goal).update('\0');
  hash.update(JobSpec.encode(spec).finish());
  const folder = path.join(configFolder(io.env), 'submitting');
  const file = path.join(folder, hash.digest('hex'));
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept !== '') return { file, requestId: kept };
  const requestId = randomUUID();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, requestId, { mode: 0o600 });
  return { file, requestId };
}

/** A short upload is told once, at its end. */
function uploadProgress(io: CliIo): (sentBytes: number, totalBytes: number) => void {
  const startMs = io.now();
  const line = liveLine(io);
  return (sentBytes, totalBytes) => {
    if (sentBytes >= totalBytes) return line.end(`uploaded ${bytesText(totalBytes)}\n`);
    line.show(() => {
      const rate = meanRateText(sentBytes, startMs, io.now());
      return `uploaded ${bytesText(sentBytes)} of ${bytesText(totalBytes)}, ${rate}`;
    });
  };
}
