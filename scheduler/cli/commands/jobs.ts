// punnet jobs, job, tasks, explain: what researchers ask about their jobs.
import type { Command } from 'commander';
import { Job, JobState, TaskState } from '../../../proto/gen/punnet/v1/job.ts';
import {
  ExplainJobResponse,
  ListFailuresResponse,
  type FailureGroup,
  ListJobsResponse,
  ListTasksResponse,
} from '../../../proto/gen/punnet/v1/job_service.ts';
import { allPages, type Connection } from '../connection.ts';
import { badInput } from '../errors.ts';
import { failuresText } from '../print-failures.ts';
import { explanationText, jobText, jobsText, tasksText } from '../print-jobs.ts';
import type { Session } from '../session.ts';
import { taskIndex } from './results.ts';

const jobKind = { name: 'Job', codec: Job };

/** Adds the commands about jobs. */
export function addJobCommands(program: Command, session: Session): void {
  program
    .command('jobs')
    .description('your jobs, newest first')
    .option('--state <state>', 'active, succeeded, failed or cancelled')
    .addHelpText('after', '\nExample:\n  punnet jobs --state active')
    .action(async (options: { state?: string }) => listJobs(session, options.state));
  program
    .command('job <job>')
    .description('one job, by its id or its name')
    .option('--watch', 'follow it to its end; exit code 1 when it failed')
    .addHelpText('after', '\nExamples:\n  punnet job primes\n  punnet job primes --watch')
    .action(async (name: string, options: { watch?: boolean }) => {
      if (options.watch === true) await watch(session, name);
      else await show(session, name);
    });
  program
    .command('tasks <job>')
    .description("a job's tasks, and where each is")
    .option('--state <state>', 'waiting, staging, running, sending, succeeded, failed, cancelled')
    .option('--failures', 'why tasks fail, one line for each cause')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet tasks primes --state failed\n  punnet tasks primes --failures',
    )
    .action(async (name: string, options: { state?: string; failures?: boolean }) => {
      if (options.failures === true) await listFailures(session, name);
      else await listTasks(session, name, options.state);
    });
  program
    .command('explain <job> [index]')
    .description('what holds the waiting tasks and would free them; why a placed task is there')
    .addHelpText('after', '\nExamples:\n  punnet explain primes\n  punnet explain primes 7')
    .action(async (name: string, index: string | undefined) => {
      await explain(session, name, index === undefined ? undefined : taskIndex(index));
    });
}

async function listJobs(session: Session, stateText: string | undefined): Promise<void> {
  const state = memberOf(JobState, stateText);
  await session.connected(async (connection) => {
    const method = connection.jobs.listJobs.bind(connection.jobs);
    const jobs = await allPages(
      (pageToken) => connection.call(method, { pageSize: 1000, pageToken, state, name: '' }),
      (response) => response.jobs,
    );
    const kind = { name: 'ListJobsResponse', codec: ListJobsResponse };
    await session.show(kind, { jobs, nextPageToken: '' }, () => jobsText(session.io, jobs));
  });
}

async function show(session: Session, name: string): Promise<void> {
  await session.connected(async (connection) => {
    const job = await connection.findJob(name);
    const isBad = (job.counts?.failed ?? 0) > 0 && !session.isJson;
    const groups = isBad ? await failuresOf(connection, job.jobId) : [];
    const why = failuresText(job.jobId, groups);
    await session.show(jobKind, job, () => `${jobText(session.io, job)}${why && `\n${why}`}`);
  });
}

async function listFailures(session: Session, name: string): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const groups = [...(await failuresOf(connection, jobId))];
    const kind = { name: 'ListFailuresResponse', codec: ListFailuresResponse };
    await session.show(kind, { groups }, () =>
      groups.length === 0 ? 'no task has failed\n' : failuresText(jobId, groups),
    );
  });
}

async function failuresOf(connection: Connection, jobId: string): Promise<readonly FailureGroup[]> {
  const method = connection.jobs.listFailures.bind(connection.jobs);
  return (await connection.call(method, { jobId })).groups;
}

async function watch(session: Session, name: string): Promise<void> {
  const { exitCodeOfJob, watchJob } = await import('../watch.ts');
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const { io, isJson } = session;
    session.exitCode = exitCodeOfJob(await watchJob(connection, jobId, { io, isJson }));
  });
}

async function listTasks(
  session: Session,
  name: string,
  stateText: string | undefined,
): Promise<void> {
  const state = memberOf(TaskState, stateText);
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const method = connection.jobs.listTasks.bind(connection.jobs);
    const tasks = await allPages(
      (pageToken) => connection.call(method, { jobId, pageSize: 1000, pageToken, state }),
      (response) => response.tasks,
    );
    const kind = { name: 'ListTasksResponse', codec: ListTasksResponse };
    await session.show(kind, { tasks, nextPageToken: '' }, () => tasksText(session.io, tasks));
  });
}

async function explain(session: Session, name: string, index: number | undefined): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const method = connection.jobs.explainJob.bind(connection.jobs);
    const answer = await connection.call(method, { jobId, index });
    const kind = { name: 'ExplainJobResponse', codec: ExplainJobResponse };
    await session.show(kind, answer, () => explanationText(session.io, answer));
  });
}

function memberOf<T extends number>(
  members: Readonly<Record<string, T>>,
  text: string | undefined,
): T | 0 {
  if (text === undefined) return 0;
  const found = members[text.toUpperCase()];
  if (found !== undefined && found !== 0) return found;
  const names = Object.entries(members).filter(([, value]) => value !== 0);
  const wanted = names.map(([name]) => name.toLowerCase()).join(', ');
  throw badInput(`--state: wanted one of ${wanted}, found "${text}"`);
}
