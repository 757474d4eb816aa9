// The commands that run scenarios, as words of the command line.

import process from 'node:process';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { defaultPolicy } from '../../scheduler/core/index.ts';
import { CheckFailed } from '../run/checks.ts';
import { InputError } from '../scenario/read.ts';
import { compare } from './compare.ts';
import { list } from './list.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { sweep } from './sweep.ts';

const scenarioWords =
  'a name of `list`, a file that ends in .yaml, or either with the log of its jobs: lcg=FILE.swf.gz';

export function addScenarioCommands(program: Command): void {
  program
    .command('list')
    .description('the scenarios and policies that there are')
    .action(() => list());
  program
    .command('run')
    .description(
      'one run of a scenario: makespan ÷ bound, waits, use of CPU and uplinks; or a release',
    )
    .argument('<scenario>', scenarioWords)
    .option('--policy <policy>', 'a name, count-limit=4, or ./mine.ts', defaultPolicy.name)
    .option('--seed <number>', 'of the world that is drawn', wholeNumber, 1)
    .option('--seeds <count>', 'of a release: worlds, from that seed on', wholeNumber, 1)
    .option('--workers <count>', 'of a release: processes at a time', wholeNumber, 1)
    .addOption(patience())
    .option('--out <folder>', 'for a report with figures, and tables of tasks, jobs and sites')
    .action(told(run));
  program
    .command('compare')
    .description('policies on the same worlds: paired differences with 95 % intervals')
    .argument('<scenario>', scenarioWords)
    .requiredOption('--policies <a,b,…>', 'the first is what the others are held against', words)
    .option('--seeds <count>', 'worlds, of the seeds 1, 2, …', wholeNumber, 5)
    .option('--workers <count>', 'processes at a time', wholeNumber, 1)
    .addOption(patience())
    .option('--out <folder>', 'for a report with figures, and all measures of all runs')
    .action(told(compare));
  program
    .command('sweep')
    .description('a policy at each value of its parameter, and the best of them')
    .argument('<scenario>', scenarioWords)
    .requiredOption('--policy <policy>', 'one that has a parameter, by `list`')
    .option('--seeds <count>', 'worlds, of the seeds 1, 2, …', wholeNumber, 5)
    .option('--workers <count>', 'processes at a time', wholeNumber, 1)
    .option('--out <folder>', 'for a report with figures, and all measures of all runs')
    .action(told(sweep));
  program
    .command('replay')
    .description("the jobs of a scheduler's journal under a policy, against how they really went")
    .argument('<journal>', "a scheduler's data folder, which may be in use: it is only read")
    .option('--policy <policy>', 'a name, count-limit=4, or ./mine.ts', defaultPolicy.name)
    .addOption(patience())
    .option('--out <folder>', 'for replay.csv, and tables of tasks, jobs and sites')
    .action(told(replay));
}

function patience(): Option {
  const about = 'how long a policy in a file may think about one question';
  return new Option('--patience <seconds>', about).argParser(wholeNumber).default(10);
}

/** What is wrong with the input is told without a stack. */
function told<Options>(
  command: (scenario: string, options: Options) => Promise<unknown>,
): (scenario: string, options: Options) => Promise<void> {
  return async (scenario, options) => {
    try {
      await command(scenario, options);
    } catch (error) {
      if (!(error instanceof InputError) && !(error instanceof CheckFailed)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error instanceof InputError ? 2 : 1;
    }
  };
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('wanted a whole number from 1 on');
}

function words(text: string): readonly string[] {
  return text.split(',').map((word) => word.trim());
}
