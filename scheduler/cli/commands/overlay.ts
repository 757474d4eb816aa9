// punnet overlay: `init` writes files of the scheduler's machine, so that it is the scheduler's own
// command; here it is started where it is beside this program.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { badInput } from '../errors.ts';
import { runBeside } from '../run-beside.ts';
import type { Session } from '../session.ts';

/** Seen from dist/punnet.cjs, and from the package's folder. */
const places = ['scheduler/bin/punnet-scheduler.cjs', 'punnet-scheduler.cjs'];

export function addOverlayCommand(program: Command, session: Session): void {
  program
    .command('overlay')
    .description("the tunnels' server files, on the scheduler's machine: `punnet overlay init`")
    .argument('[words...]', '`punnet overlay init --help` tells them')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (words: readonly string[]) => {
      session.exitCode = await runScheduler(['overlay', ...words]);
    });
}

function runScheduler(words: readonly string[]): Promise<number> {
  const files = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const file = files.find((each) => existsSync(each));
  if (file === undefined) {
    throw badInput(
      `the scheduler is not beside this program (wanted ${files.join(' or ')}): run it on the scheduler's machine`,
    );
  }
  return runBeside(file, words);
}
