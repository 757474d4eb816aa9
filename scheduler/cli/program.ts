// The whole command line: options, commands, and the one place where errors become words.
import { Command, CommanderError, Help, Option } from 'commander';
import { addAuditCommand } from './commands/audit.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addContextCommands } from './commands/context.ts';
import { addChangeCommands } from './commands/change-jobs.ts';
import { addJobCommands } from './commands/jobs.ts';
import { addReleaseCommands } from './commands/releases.ts';
import { addRolloutCommands } from './commands/rollouts.ts';
import { addResultCommands } from './commands/results.ts';
import { addOverlayCommand } from './commands/overlay.ts';
import { addSimCommand } from './commands/sim.ts';
import { addSubmitCommand } from './commands/submit.ts';
import { addNodeCommands } from './commands/nodes.ts';
import { addSiteCommands } from './commands/sites.ts';
import { addResearcherCommands } from './commands/researchers.ts';
import { addTokenCommands } from './commands/tokens.ts';
import { badInput, CliError, exitCodes } from './errors.ts';
import { forms, formProblem } from './form-names.ts';
import type { CliIo } from './io.ts';
import { Session } from './session.ts';
import { version } from './version.ts';

const helpEnd = `
Examples:
  punnet context add operator.context
  punnet token create --node --site attic
  punnet submit job.yaml --watch
  punnet fetch primes --to results

Exit codes: 0 well, 1 the job failed or was cancelled, 2 bad input or usage, 3 not found,
4 not allowed, 5 the scheduler cannot be reached.
Environment: PUNNET_CONTEXT_FILE, XDG_CONFIG_HOME, NO_COLOR, PUNNET_DEBUG=1 (stack traces).`;

/** Runs one command; `args` are without node and script. Returns the exit code, never throws. */
export async function runProgram(args: readonly string[], io: CliIo): Promise<number> {
  const program = new Command('punnet');
  const session = new Session(io, program);
  configure(program, io);
  addSubmitCommand(program, session);
  addJobCommands(program, session);
  addChangeCommands(program, session);
  addResultCommands(program, session);
  addNodeCommands(program, session);
  addSiteCommands(program, session);
  addResearcherCommands(program, session);
  addReleaseCommands(program, session);
  addRolloutCommands(program, session);
  addTokenCommands(program, session);
  addAuditCommand(program, session);
  addContextCommands(program, session);
  addSimCommand(program, session);
  addOverlayCommand(program, session);
  addCompletionCommand(program, session);
  program.hook('preAction', (_, command) => {
    const problem = formProblem(session.form, pathOf(command));
    if (problem !== null) throw badInput(problem);
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    return tell(error, io);
  }
}

function configure(program: Command, io: CliIo): void {
  program
    .description('Runs jobs on a federation of donated Raspberry Pis.')
    .version(version, '--version', 'the version of this program')
    .addOption(new Option('--output <form>', 'how to print').choices(forms).default('table'))
    .option('--context <file|name>', 'the context to use instead of the current one')
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: optionsOfAll })
    .addHelpText('after', helpEnd);
}

/** What each command takes; the version is asked of the program. */
function optionsOfAll(command: Command): Option[] {
  const help = Object.assign(new Help(), { showGlobalOptions: true });
  return help.visibleGlobalOptions(command).filter(({ long }) => long !== '--version');
}

/** The words of a command, such as `token list`. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null
    ? command.name()
    : `${pathOf(parent)} ${command.name()}`;
}

function tell(error: unknown, io: CliIo): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput;
  }
  const isDebug = io.env['PUNNET_DEBUG'] === '1';
  if (error instanceof Error) {
    io.err(`${isDebug ? (error.stack ?? error.message) : error.message}\n`);
    if (isDebug && error.cause !== undefined) io.err(`caused by: ${String(error.cause)}\n`);
  } else io.err(`${String(error)}\n`);
  return error instanceof CliError ? error.exitCode : exitCodes.failed;
}
