// punnet logs, fetch: what tasks left.
import type { Command } from 'commander';
import { AttemptResult, type Job } from '../../../proto/gen/punnet/v1/job.ts';
import { badInput } from '../errors.ts';
import { bytesText, countText, safeText } from '../print.ts';
import type { Connection } from '../connection.ts';
import type { FetchWatch } from '../fetch-watch.ts';
import type { Fetched, FetchOptions } from '../fetch.ts';
import type { CliIo } from '../io.ts';
import { liveLine, meanRateText, type LiveLine } from '../live-line.ts';
import type { Session } from '../session.ts';

/** Adds the commands about what tasks left. */
export function addResultCommands(program: Command, session: Session): void {
  program
    .command('logs <job> <index>')
    .description("the end of a task's output (standard output and error), of its last attempt")
    .addHelpText('after', '\nExample:\n  punnet logs primes 7')
    .action(async (name: string, index: string) => logs(session, name, taskIndex(index)));
  program
    .command('fetch <job>')
    .description('bring the outputs into DIR/<index>/<path>; what is there is not fetched again')
    .option('--to <dir>', 'the folder (default: a folder named as the job)')
    .option('--tasks <indexes>', 'only these, such as 0-9,12')
    .option('--force', 'write over files that differ')
    .option('--watch', 'as tasks succeed, until the job ends; exit code 1 when it failed')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet fetch primes --to results --tasks 0-9\n  punnet fetch primes --watch',
    )
    .action(async (name: string, options: FetchFlags) => fetch(session, name, options));
}

/** The index of a task from the command line. */
export function taskIndex(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badInput(`INDEX: wanted the whole number of a task, from 0, found "${text}"`);
}

async function logs(session: Session, name: string, index: number): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const method = connection.jobs.getTaskResult.bind(connection.jobs);
    const { result } = await connection.call(method, { jobId, index });
    if (result === undefined) session.io.err(`task ${index} has left nothing yet\n`);
    const left = result ?? AttemptResult.fromPartial({});
    await session.show({ name: 'AttemptResult', codec: AttemptResult }, left, () =>
      safeText(Buffer.from(left.logTail).toString('utf8')),
    );
    if (left.detail !== '') session.io.err(`${safeText(left.detail)}\n`);
  });
}

interface FetchFlags {
  readonly to?: string;
  readonly tasks?: string;
  readonly force?: boolean;
  readonly watch?: boolean;
}

async function fetch(session: Session, name: string, options: FetchFlags): Promise<void> {
  const { fetchOutputs, parseIndexes } = await import('../fetch.ts');
  await session.connected(async (connection) => {
    const job = await connection.findJob(name);
    if (job.spec?.service !== undefined) {
      throw badInput(`${name} is a service: its replicas bring no outputs`);
    }
    const total = job.counts?.total ?? 0;
    const named = options.tasks === undefined ? undefined : parseIndexes(options.tasks, total);
    const isWanted = named?.isWanted ?? (() => true);
    const to = options.to ?? job.spec?.name ?? job.jobId;
    const isForced = options.force === true;
    const line = liveLine(session.io);
    const progress = fetchProgress(session.io, line);
    const note = (text: string): void => session.io.err(`${text}\n`);
    const how = { to, isWanted, isForced, progress, note };
    const fetching =
      options.watch === true
        ? fetchToTheEnd(session, connection, { jobId: job.jobId, ...how })
        : fetchOutputs(connection, job.jobId, how);
    const sum = await fetching.finally(() => line.end(''));
    await session.showValue({ to, ...sum }, () => {
      const kept = sum.skippedFiles === 0 ? '' : `, ${sum.skippedFiles} were there`;
      const fetched = `${countText(sum.files, 'file')} (${bytesText(sum.bytes)})`;
      return `fetched ${fetched} of ${countText(sum.tasks, 'task')} to ${to}${kept}\n`;
    });
    if (options.watch === true) return;
    session.io.err(
      named === undefined ? missingText(job) : missingOf(job, named.count - sum.tasks),
    );
  });
}

async function fetchToTheEnd(
  session: Session,
  connection: Connection,
  { jobId, ...how }: Omit<FetchWatch, 'signal'> & { readonly jobId: string },
): Promise<Fetched> {
  const { fetchAsTheyCome } = await import('../fetch-watch.ts');
  const { exitCodeOfJob } = await import('../watch.ts');
  const { endText } = await import('../progress.ts');
  const { io } = session;
  const { job, fetched } = await fetchAsTheyCome(connection, jobId, {
    ...how,
    signal: io.signal,
  });
  io.err(endText(job));
  session.exitCode = exitCodeOfJob(job);
  return fetched;
}

function fetchProgress(io: CliIo, line: LiveLine): NonNullable<FetchOptions['progress']> {
  const startMs = io.now();
  let allBytes = 0;
  let allTasks = 0;
  return ({ bytes = 0, task }) => {
    allBytes += bytes;
    if (task !== undefined) allTasks += 1;
    line.show(() => {
      const rate = meanRateText(allBytes, startMs, io.now());
      return `fetched ${bytesText(allBytes)} of ${countText(allTasks, 'task')}, ${rate}`;
    });
  };
}

/** What a fetch of some tasks could not bring. */
function missingOf({ jobId }: Job, count: number): string {
  if (count <= 0) return '';
  return `not succeeded so far: ${countText(count, 'task')} of these (punnet tasks ${jobId})\n`;
}

/** What a fetch of the whole job could not bring. */
function missingText({ jobId, counts }: Job): string {
  if (counts === undefined) return '';
  const { total, succeeded, failed, cancelled } = counts;
  const parts: string[] = [];
  const open = total - succeeded - failed - cancelled;
  if (open > 0) parts.push(`${countText(open, 'task')} not ended yet: fetch again later`);
  if (failed > 0)
    parts.push(`${countText(failed, 'task')} failed: punnet tasks ${jobId} --state failed`);
  if (cancelled > 0) parts.push(`${countText(cancelled, 'task')} cancelled`);
  return parts.map((part) => `${part}\n`).join('');
}
