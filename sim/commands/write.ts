// The report of a command, into its folder.

import process from 'node:process';
import { commitText } from '../report/page/origin.ts';
import type { Origin, Report } from '../report/page/report.ts';
import { scenarioText } from '../scenario/read.ts';

export function originOf(scenario: string, words: readonly string[]): Origin {
  const command = ['punnet sim', ...words].join(' ');
  return { command, commit: commitText(), scenarioText: scenarioText(scenario) };
}

export async function write(folder: string, report: Report): Promise<void> {
  // The drawing library takes longer to load than a small run.
  const { pageFile, writeReport } = await import('../report/page/write-report.ts');
  await writeReport(folder, report);
  process.stdout.write(`${folder}: ${[pageFile, ...report.tables].join(', ')}, figures/\n`);
}
