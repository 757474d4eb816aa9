// punnet sim: starts the simulator where it was built beside this program. The program alone, copied
// to a laptop, has none: it would be larger than all the rest.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { badInput } from '../errors.ts';
import { runBeside } from '../run-beside.ts';
import type { Session } from '../session.ts';

/** Seen from dist/punnet.cjs. */
const programFile = fileURLToPath(new URL('sim/bin/punnet-sim.cjs', import.meta.url));

export function addSimCommand(program: Command, session: Session): void {
  program
    .command('sim')
    .description('the simulator: run, compare and sweep policies on federations that nobody has')
    .argument('[words...]', "the simulator's own; `punnet sim --help` tells them")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (words: readonly string[]) => {
      session.exitCode = await simulate(words);
    });
}

function simulate(words: readonly string[]): Promise<number> {
  if (!existsSync(programFile)) {
    throw badInput(
      `the simulator is not beside this program (wanted ${programFile}): ` +
        'clone Punnet\'s repository, run "npm run setup" in it, then "npx punnet sim" or "npm run sim --"',
    );
  }
  return runBeside(programFile, words);
}
