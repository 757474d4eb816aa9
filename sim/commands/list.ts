// `list`: what may be run, and by what.

import process from 'node:process';
import { policyMakers } from '../../scheduler/core/index.ts';
import { readScenario, scenarioNames } from '../scenario/read.ts';

export function list(): void {
  const scenarios = scenarioNames().map((name) => [name, readScenario(name).about] as const);
  const policies = [...policyMakers].map(([name, { parameter }]) => {
    const about = parameter === null ? '' : `${parameter.name}: ${name}=${parameter.value}`;
    return [name, about] as const;
  });
  const section = (title: string, rows: readonly (readonly [string, string])[]): string =>
    [title, ...rows.map(([name, about]) => `  ${name.padEnd(18)}${about}`.trimEnd())].join('\n');
  process.stdout.write(`${section('Scenarios', scenarios)}\n${section('Policies', policies)}\n`);
}
