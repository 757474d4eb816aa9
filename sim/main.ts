#!/usr/bin/env node
// `npm run sim -- …`: the simulator's commands.

import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { Command } from 'commander';
import { addReleaseCommand } from './commands/release.ts';
import { addScenarioCommands } from './commands/scenarios.ts';
import { FlowCaseError, parseFlowCase } from './network/flow-case.ts';
import { buildFlowCase, runFlowCase } from './network/run-flow-case.ts';

const program: Command = new Command('punnet sim').description('The simulator.');

addScenarioCommands(program);
addReleaseCommand(program);

program
  .command('flows')
  .description('when each flow of a case ends, by max-min fair shares of its links')
  .argument('<case.json>', 'sites and flows, in the format of test/fixtures/flows')
  .argument(
    '[out.json]',
    'written as {"reference", "finish"}; without it, a line a flow is printed',
  )
  .action((caseFile: string, outFile: string | undefined) => {
    const finish = runFlowCase(buildFlowCase(readCase(caseFile)));
    if (outFile === undefined) {
      const lines = Array.from(finish, (at, flow) => `${flow} ${at.toFixed(9)}\n`);
      process.stdout.write(lines.join(''));
    } else {
      const answer = { reference: 'Punnet max-min', finish: Array.from(finish) };
      write(outFile, `${JSON.stringify(answer)}\n`);
    }
  });

/** Ends the program with a sentence when the file can't be written. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    program.error(`${file}: wanted a file to write to, found ${String(error)}: name another one.`);
  }
}

/** Ends the program with a sentence when there is no case in the file. */
function readCase(file: string): ReturnType<typeof parseFlowCase> {
  try {
    return parseFlowCase(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof FlowCaseError) program.error(`${file}: ${error.message}`);
    program.error(`${file} can't be read: ${String(error)}`);
  }
}

// `sim list | head` is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

void program.parseAsync();
