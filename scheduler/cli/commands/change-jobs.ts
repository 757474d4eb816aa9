// punnet update, cancel, retry, delete: what researchers do to their jobs.
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { Job } from '../../../proto/gen/punnet/v1/job.ts';
import { RetryTasksResponse } from '../../../proto/gen/punnet/v1/job_service.ts';
import { countText, safeText } from '../print.ts';
import { endText, progressText } from '../progress.ts';
import type { Session } from '../session.ts';
import { taskIndex } from './results.ts';

/** Adds the commands that change jobs. */
export function addChangeCommands(program: Command, session: Session): void {
  program
    .command('update <job> <file>')
    .description('make a service what the file says, one replica after the other')
    .option('--request-id <id>', 'updating again with the same id is harmless')
    .addHelpText('after', '\nExample:\n  punnet update sampler job.yaml')
    .action(async (name: string, file: string, { requestId }: { requestId?: string }) =>
      update(session, name, { file, requestId }),
    );
  program
    .command('cancel <job>')
    .description('cancel a job; what has ended stays')
    .addHelpText('after', '\nExample:\n  punnet cancel primes')
    .action(async (name: string) => cancel(session, name));
  program
    .command('retry <job> [tasks...]')
    .description('run failed and cancelled tasks again, all of them or these, with fresh retries')
    .option('--request-id <id>', 'retrying again with the same id is harmless')
    .addHelpText('after', '\nExamples:\n  punnet retry primes\n  punnet retry primes 7 12')
    .action(async (name: string, tasks: string[], options: { requestId?: string }) => {
      const requestId = options.requestId ?? randomUUID();
      await retry(session, name, { requestId, indexes: tasks.map(taskIndex) });
    });
  program
    .command('delete <job>')
    .description('delete a job that has ended, with its tasks and results')
    .addHelpText('after', '\nExample:\n  punnet delete primes')
    .action(async (name: string) => deleteJob(session, name));
}

async function update(
  session: Session,
  name: string,
  what: { readonly file: string; readonly requestId: string | undefined },
): Promise<void> {
  // Loaded by the commands that use it: it is a large part of a command's start.
  const { submitFile } = await import('../submit.ts');
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const job = await submitFile(connection, session.io, { ...what, service: jobId });
    const how = job.rollout === '' ? progressText(job) : job.rollout;
    await session.show({ name: 'Job', codec: Job }, job, () => `${jobId}: ${safeText(how)}\n`);
  });
}

async function cancel(session: Session, name: string): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const method = connection.jobs.cancelJob.bind(connection.jobs);
    const job = (await connection.call(method, { jobId })).job ?? Job.fromPartial({ jobId });
    await session.show({ name: 'Job', codec: Job }, job, () => endText(job));
  });
}

async function retry(
  session: Session,
  name: string,
  what: { readonly requestId: string; readonly indexes: number[] },
): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    const method = connection.jobs.retryTasks.bind(connection.jobs);
    const answer = await connection.call(method, { jobId, ...what });
    const kind = { name: 'RetryTasksResponse', codec: RetryTasksResponse };
    await session.show(kind, answer, () =>
      answer.tasks === 0
        ? `${jobId}: this retry was made before\n`
        : `${jobId}: ${countText(answer.tasks, 'task')} will run again\n`,
    );
  });
}

async function deleteJob(session: Session, name: string): Promise<void> {
  await session.connected(async (connection) => {
    const { jobId } = await connection.findJob(name);
    await connection.call(connection.jobs.deleteJob.bind(connection.jobs), { jobId });
    await session.showValue({ jobId }, () => `deleted ${jobId}\n`);
  });
}
