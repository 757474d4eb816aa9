// punnet completion: a script that completes commands, options and the names of jobs and nodes, made from the
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
  /** The words that lead to it: `node drain`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly words: readonly string[];
  /** What tells its first argument's values. */
  readonly asks: string | undefined;
  readonly takesFile: boolean;
}

/** What lists the values of an argument, by its name: ids and names, both of which stand for a job or
 * a node. */
const asking: Readonly<Record<string, string>> = {
  job: columnsOf('jobs', '1,3'),
  node: columnsOf('nodes', '1,2'),
  site: columnsOf('sites', '1'),
  researcher: columnsOf('shares', '1'),
  token: columnsOf('token list', '1'),
};

function columnsOf(list: string, columns: string): string {
  return `punnet ${list} --output csv 2>/dev/null | tail -n +2 | cut -d, -f${columns} | tr ',' '\\n'`;
}

/** A command of commands comes after these. */
function entriesOf(program: Command): readonly Entry[] {
  const entryOf = (command: Command, path: readonly string[]): Entry => {
    const { commands, options, registeredArguments } = command;
    return {
      path,
      description: command.description(),
      words: [
        ...commands.map((each) => each.name()),
        ...registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
        ...[...options, ...program.options].flatMap(({ long }) => long ?? []),
      ],
      asks: asking[registeredArguments[0]?.name() ?? ''],
      takesFile: registeredArguments.some((each) => /^file$|\.yaml$/.test(each.name())),
    };
  };
  return program.commands.flatMap((command) => [
    ...command.commands.map((each) => entryOf(each, [command.name(), each.name()])),
    entryOf(command, [command.name()]),
  ]);
}

function bashText(entries: readonly Entry[], isZsh: boolean): string {
  const cases = entries.map(({ path, words, asks }) => {
    const told = asks === undefined ? '' : ` $(${asks})`;
    return `    " ${path.join(' ')} "*) words="${words.join(' ')}${told}" ;;`;
  });
  const names = entries.filter(({ path }) => path.length === 1).map(({ path }) => path[0]);
  const lines = [
    ...(isZsh
      ? [
          '(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }',
          'autoload -Uz bashcompinit && bashcompinit',
        ]
      : []),
    '_punnet() {',
    '  local words="" current="${COMP_WORDS[COMP_CWORD]}"',
    '  case " ${COMP_WORDS[*]:1:$((COMP_CWORD-1))} " in',
    `    "  ") words="${names.join(' ')}" ;;`,
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
  const lines = entries.flatMap(({ path, description, words, asks, takesFile }) => {
    const [name = '', own] = path;
    const siblings = entries.flatMap(({ path: other }) =>
      other[0] === name ? (other[1] ?? []) : [],
    );
    const seen = (names: readonly string[]): string =>
      `__fish_seen_subcommand_from ${names.join(' ')}`;
    const without = siblings.length === 0 ? '' : `; and not ${seen(siblings)}`;
    const when = `${seen([name])}${own === undefined ? without : `; and ${seen([own])}`}`;
    const here = `complete -c punnet${takesFile ? '' : ' -f'} -n "${when}"`;
    const told = description.replaceAll("'", "\\'");
    return [
      ...(own === undefined
        ? [`complete -c punnet -f -n __fish_use_subcommand -a ${name} -d '${told}'`]
        : []),
      `${here} -a '${words.join(' ')}'`,
      ...(asks === undefined ? [] : [`${here} -a "(${asks})"`]),
    ];
  });
  return `${lines.join('\n')}\n`;
}
