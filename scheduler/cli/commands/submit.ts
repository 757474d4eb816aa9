// punnet submit: a job file becomes a job.
import type { Command } from 'commander';
import { Job } from '../../../proto/gen/punnet/v1/job.ts';
import { TryJobResponse } from '../../../proto/gen/punnet/v1/job_service.ts';
import { badInput } from '../errors.ts';
import { dryRunText } from '../print-estimate.ts';
import type { Session } from '../session.ts';

interface SubmitOptions {
  readonly watch?: boolean;
  readonly requestId?: string;
  readonly dryRun?: boolean;
}

/** Adds `submit`. */
export function addSubmitCommand(program: Command, session: Session): void {
  program
    .command('submit <job.yaml>')
    .description('submit a job file: checks it, uploads what is missing, prints the job id')
    .option('--watch', 'follow the job to its end; exit code 1 when it failed')
    .option('--dry-run', 'only say which nodes fit, when it would end, and what keeps it')
    .option('--request-id <id>', 'submitting again with the same id is harmless')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet submit job.yaml --watch\n  JOB=$(punnet submit job.yaml)',
    )
    .action(async (file: string, options: SubmitOptions) => submit(session, file, options));
}

async function submit(session: Session, file: string, options: SubmitOptions): Promise<void> {
  const { io, isJson } = session;
  const { requestId } = options;
  if (requestId !== undefined && !/^\S{1,63}$/.test(requestId)) {
    throw badInput(`--request-id: wanted 1 to 63 characters without blanks, found "${requestId}"`);
  }
  // Loaded by the commands that use them: they are a large part of a command's start.
  const { submitFile, tryFile } = await import('../submit.ts');
  if (options.dryRun === true) {
    return session.connected(async (connection) => {
      const answer = await tryFile(connection, file);
      const kind = { name: 'TryJobResponse', codec: TryJobResponse };
      await session.show(kind, answer, () => dryRunText(io, answer));
    });
  }
  const { exitCodeOfJob, watchJob } = await import('../watch.ts');
  await session.connected(async (connection) => {
    const job = await submitFile(connection, io, { file, requestId });
    if (options.watch !== true) {
      return session.show({ name: 'Job', codec: Job }, job, () => `${job.jobId}\n`);
    }
    if (!isJson) io.out(`${job.jobId}\n`);
    session.exitCode = exitCodeOfJob(await watchJob(connection, job.jobId, { io, isJson }));
  });
}
