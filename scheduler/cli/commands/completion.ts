// punnet completion: a script that completes commands, options and the names of jobs, made from the
// commands that there are.
import { Argument, type Command } from 'commander';
import type { Session } from '../session.ts';

/** Adds `completion`; it completes what was added before it. */
export function addCompletionCommand(program: Command, session: Session): void {
  program
    .command('completion')
    .description('a script that completes commands, options and jobs in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(punnet completion bash)\n  punnet completion fish > ~/.config/fish/completions/punnet.fish',
    )
    .action((shell: string) => {
      const entries = entriesOf(program);
      session.io.out(shell === 'fish' ? fishText(entries) : bashText(entries, shell === 'zsh'));
    });
}

interface Entry {
  readonly name: string;
  readonly description: string;
  readonly words: readonly string[];
  /** Its first argument is a job. */
  readonly takesJob: boolean;
  /** It, or one of its own commands, takes a file. */
  readonly takesFile: boolean;
}

function entriesOf(program: Command): readonly Entry[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    words: [
      ...command.commands.map((each) => each.name()),
      ...[...command.options, ...program.options].flatMap(({ long }) => long ?? []),
    ],
    takesJob: command.registeredArguments[0]?.name() === 'job',
    takesFile: [command, ...command.commands].some(({ registeredArguments }) =>
      registeredArguments.some((argument) => /^file$|\.yaml$/.test(argument.name())),
    ),
  }));
}

/** Ids and names: both stand for a job. */
const jobsCommand =
  "punnet jobs --output csv 2>/dev/null | tail -n +2 | cut -d, -f1,3 | tr ',' '\\n'";

function bashText(entries: readonly Entry[], isZsh: boolean): string {
  const cases = entries.map(({ name, words, takesJob }) => {
    const jobs = takesJob ? ` $(${jobsCommand})` : '';
    return `    ${name}) words="${words.join(' ')}${jobs}" ;;`;
  });
  const lines = [
    ...(isZsh ? ['autoload -Uz bashcompinit && bashcompinit'] : []),
    '_punnet() {',
    '  local words="" current="${COMP_WORDS[COMP_CWORD]}"',
    '  case "$([ "$COMP_CWORD" -gt 1 ] && echo "${COMP_WORDS[1]}")" in',
    `    "") words="${entries.map(({ name }) => name).join(' ')}" ;;`,
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    // A file's name where no word fits: the job file of submit.
    'complete -o default -F _punnet punnet',
  ];
  return `${lines.join('\n')}\n`;
}

function fishText(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ name, description, words, takesJob, takesFile }) => {
    const noFiles = takesFile ? '' : ' -f';
    const here = `complete -c punnet${noFiles} -n "__fish_seen_subcommand_from ${name}"`;
    const told = description.replaceAll("'", "\\'");
    return [
      `complete -c punnet -f -n __fish_use_subcommand -a ${name} -d '${told}'`,
      `${here} -a '${words.join(' ')}'`,
      ...(takesJob ? [`${here} -a "(${jobsCommand})"`] : []),
    ];
  });
  return `${lines.join('\n')}\n`;
}
