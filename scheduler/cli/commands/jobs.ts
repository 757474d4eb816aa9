// punnet submit, jobs, job, tasks, logs, fetch, cancel, explain: what researchers do.
import type { Command } from 'commander';
import { AttemptResult, Job, JobState, TaskState } from '../../../proto/gen/punnet/v1/job.ts';
import {
  ExplainJobResponse,
  ListJobsResponse,
  ListTasksResponse,
} from '../../../proto/gen/punnet/v1/job_service.ts';
import { allPages } from '../connection.ts';
import { badInput } from '../errors.ts';
import { fetchOutputs, parseIndexes } from '../fetch.ts';
import { bytesText, safeText } from '../print.ts';
import { explanationText, jobText, jobsText, tasksText } from '../print-jobs.ts';
import type { Session } from '../session.ts';
import { submitFile } from '../submit.ts';
import { exitCodeOfJob, watchJob } from '../watch.ts';

/** Adds the commands about jobs. */
export function addJobCommands(program: Command, session: Session): void {
  addSubmit(program, session);
  addLists(program, session);
  addResults(program, session);
  addCancelAndExplain(program, session);
}

function addSubmit(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('submit <job.yaml>')
    .description('submit a job file: checks it, uploads what is missing, prints the job id')
    .option('--watch', 'follow the job to its end; exit code 1 when it failed')
    .option('--request-id <id>', 'submitting again with the same id is harmless')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet submit job.yaml --watch\n  JOB=$(punnet submit job.yaml)',
    )
    .action(async (file: string, options: { watch?: boolean; requestId?: string }) => {
      await session.connected(async (connection) => {
        const job = await submitFile(connection, io, { file, requestId: options.requestId });
        if (options.watch !== true) {
          session.show('Job', Job, job, () => `${job.jobId}\n`);
          return;
        }
        if (!session.isJson) io.out(`${job.jobId}\n`);
        const last = await watchJob(connection, job.jobId, { io, isJson: session.isJson });
        session.exitCode = exitCodeOfJob(last);
      });
    });
}

function addLists(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('jobs')
    .description('your jobs, newest first')
    .option('--state <state>', 'active, succeeded, failed or cancelled')
    .addHelpText('after', '\nExample:\n  punnet jobs --state active')
    .action(async (options: { state?: string }) => {
      const state = memberOf(JobState, options.state, '--state');
      await session.connected(async (connection) => {
        const method = connection.jobs.listJobs.bind(connection.jobs);
        const jobs = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken, state, name: '' }),
          (response) => response.jobs,
        );
        const all = { jobs, nextPageToken: '' };
        session.show('ListJobsResponse', ListJobsResponse, all, () => jobsText(io, jobs));
      });
    });
  program
    .command('job <job>')
    .description('one job, by its id or its name')
    .option('--watch', 'follow it to its end; exit code 1 when it failed')
    .addHelpText('after', '\nExamples:\n  punnet job primes\n  punnet job primes --watch')
    .action(async (name: string, options: { watch?: boolean }) => {
      await session.connected(async (connection) => {
        const job = await connection.findJob(name);
        if (options.watch !== true) {
          session.show('Job', Job, job, () => jobText(io, job));
          return;
        }
        const last = await watchJob(connection, job.jobId, { io, isJson: session.isJson });
        session.exitCode = exitCodeOfJob(last);
      });
    });
  program
    .command('tasks <job>')
    .description("a job's tasks, and why each is where it is")
    .option('--state <state>', 'waiting, staging, running, sending, succeeded, failed, cancelled')
    .addHelpText('after', '\nExample:\n  punnet tasks primes --state failed')
    .action(async (name: string, options: { state?: string }) => {
      const state = memberOf(TaskState, options.state, '--state');
      await session.connected(async (connection) => {
        const { jobId } = await connection.findJob(name);
        const method = connection.jobs.listTasks.bind(connection.jobs);
        const tasks = await allPages(
          (pageToken) => connection.call(method, { jobId, pageSize: 1000, pageToken, state }),
          (response) => response.tasks,
        );
        const all = { tasks, nextPageToken: '' };
        session.show('ListTasksResponse', ListTasksResponse, all, () => tasksText(io, tasks));
      });
    });
}

function addResults(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('logs <job> <index>')
    .description("the end of a task's output (standard output and error), of its last attempt")
    .addHelpText('after', '\nExample:\n  punnet logs primes 7')
    .action(async (name: string, indexText: string) => {
      const index = wholeNumber(indexText, 'INDEX');
      await session.connected(async (connection) => {
        const { jobId } = await connection.findJob(name);
        const method = connection.jobs.getTaskResult.bind(connection.jobs);
        const { result } = await connection.call(method, { jobId, index });
        const left = result ?? AttemptResult.fromPartial({});
        session.show('AttemptResult', AttemptResult, left, () =>
          safeText(Buffer.from(left.logTail).toString('utf8')),
        );
        if (left.detail !== '') io.err(`${safeText(left.detail)}\n`);
      });
    });
  program
    .command('fetch <job>')
    .description('bring the outputs into DIR/<index>/<path>; what is there is not fetched again')
    .option('--to <dir>', 'the folder (default: a folder named as the job)')
    .option('--tasks <indexes>', 'only these, such as 0-9,12')
    .addHelpText('after', '\nExample:\n  punnet fetch primes --to results --tasks 0-9')
    .action(async (name: string, options: { to?: string; tasks?: string }) => {
      const isWanted = options.tasks === undefined ? () => true : parseIndexes(options.tasks);
      await session.connected(async (connection) => {
        const job = await connection.findJob(name);
        const to = options.to ?? job.spec?.name ?? job.jobId;
        const sum = await fetchOutputs(connection, job.jobId, { to, isWanted });
        session.showValue({ to, ...sum }, () => {
          const kept = sum.skippedFiles === 0 ? '' : `, ${sum.skippedFiles} were there`;
          const size = bytesText(sum.bytes);
          return `fetched ${sum.files} files (${size}) of ${sum.tasks} tasks to ${to}${kept}\n`;
        });
      });
    });
}

function addCancelAndExplain(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('cancel <job>')
    .description('cancel a job; what has ended stays')
    .addHelpText('after', '\nExample:\n  punnet cancel primes')
    .action(async (name: string) => {
      await session.connected(async (connection) => {
        const { jobId } = await connection.findJob(name);
        const method = connection.jobs.cancelJob.bind(connection.jobs);
        const job = (await connection.call(method, { jobId })).job ?? Job.fromPartial({ jobId });
        session.show('Job', Job, job, () => jobText(io, job));
      });
    });
  program
    .command('explain <job> [index]')
    .description('what holds the waiting tasks and would free them; why a placed task is there')
    .addHelpText('after', '\nExamples:\n  punnet explain primes\n  punnet explain primes 7')
    .action(async (name: string, indexText: string | undefined) => {
      const index = indexText === undefined ? undefined : wholeNumber(indexText, 'INDEX');
      await session.connected(async (connection) => {
        const { jobId } = await connection.findJob(name);
        const method = connection.jobs.explainJob.bind(connection.jobs);
        const answer = await connection.call(method, { jobId, index });
        session.show('ExplainJobResponse', ExplainJobResponse, answer, () =>
          explanationText(io, answer),
        );
      });
    });
}

function memberOf<T extends number>(
  members: Readonly<Record<string, T>>,
  text: string | undefined,
  option: string,
): T | 0 {
  if (text === undefined) return 0;
  const found = members[text.toUpperCase()];
  if (found !== undefined && found !== 0) return found;
  const names = Object.entries(members).filter(([, value]) => value !== 0);
  const wanted = names.map(([name]) => name.toLowerCase()).join(', ');
  throw badInput(`${option}: wanted one of ${wanted}, found "${text}"`);
}

function wholeNumber(text: string, name: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badInput(`${name}: wanted the whole number of a task, found "${text}"`);
}
