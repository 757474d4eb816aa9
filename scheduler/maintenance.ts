// What `punnet-scheduler` does besides running: backup and restore.

import { Command } from 'commander';
import { backUp } from './adapters/backup/backup.ts';
import type { Counts } from './adapters/backup/contents.ts';
import { restore } from './adapters/backup/restore.ts';

const names = ['backup', 'restore'];

/** Whether these words of the command line are for this file. */
export function isMaintenance([first = '']: readonly string[]): boolean {
  return names.includes(first);
}

/** Carries one command out. Mistakes in its words end the process with 2. */
export async function maintain(words: readonly string[]): Promise<void> {
  const program = new Command('punnet-scheduler').exitOverride((error) =>
    process.exit(error.exitCode === 0 ? 0 : 2),
  );
  program
    .command('backup <file>')
    .description('copy all that must survive into one tar, while the scheduler runs or not')
    .requiredOption('--data <folder>', 'the data folder')
    .addHelpText('after', '\nExample:\n  punnet-scheduler backup punnet.tar --data ./state')
    .action(async (file: string, { data }: { data: string }) => {
      const { counts, warnings } = await backUp(data, file, new Date());
      for (const warning of warnings) say(`note: ${warning}`);
      show(`backed up ${data} to ${file}, which holds the federation's secrets:`, counts, counts);
    });
  program
    .command('restore <file>')
    .description('make a new data folder of a backup, and check that it is whole')
    .requiredOption('--data <folder>', 'the new data folder')
    .addHelpText('after', '\nExample:\n  punnet-scheduler restore punnet.tar --data ./state2')
    .action(async (file: string, { data }: { data: string }) => {
      const { expected, contents } = await restore(file, data);
      show(`restored ${file} to ${data}:`, expected, contents.counts);
      say('whole. Start it there, and nowhere else: punnet-scheduler --data ' + data);
    });
  await program.parseAsync([...words], { from: 'user' });
}

function show(title: string, expected: Counts, found: Counts): void {
  say(title);
  say('             expected       found');
  for (const [what, count] of Object.entries(expected)) {
    const here = String(Reflect.get(found, what));
    say(`${what.padEnd(9)}${String(count).padStart(12)}${here.padStart(12)}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
