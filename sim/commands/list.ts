// `list`: what may be run, and by what.

import process from 'node:process';
import { policyMakers } from '../../scheduler/core/index.ts';
import { ratioVariants } from '../ablation/ratio-variants.ts';
import { aboutScenario, scenarioNames } from '../scenario/read.ts';

export function list(): void {
  const scenarios = scenarioNames().map((name) => [name, aboutScenario(name)] as const);
  const policies = [...policyMakers].map(([name, { about, parameter }]) => {
    const value = parameter === null ? '' : ` (${parameter.name}: ${name}=${parameter.value})`;
    return [name, `${about}${value}`] as const;
  });
  const parts = [...ratioVariants].map(([name, { about }]) => [name, about] as const);
  const width = 2 + Math.max(...[...scenarios, ...policies, ...parts].map(([name]) => name.length));
  const section = (title: string, rows: readonly (readonly [string, string])[]): string =>
    [title, ...rows.map(([name, about]) => `  ${name.padEnd(width)}${about}`)].join('\n');
  const sections = [
    section('Scenarios', scenarios),
    section('Policies', policies),
    section('Policies that lack a part of ratio, to see what it brings', parts),
  ];
  process.stdout.write(`${sections.join('\n')}\n`);
}
