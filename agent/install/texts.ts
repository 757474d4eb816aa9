// What `punnet-agent install` prints before it does anything.

import { estimate } from './estimate.ts';
import type { Findings } from './findings.ts';
import type { Plan, Step } from './plan.ts';
import { megabytes } from './plan.ts';

/** Board, estimate, and the steps or why there are none. */
export function planText(found: Findings, plan: Plan): string {
  const { board, memoryBytes, diskFreeBytes, enrolled, isAptTold } = found;
  const lines = [
    `This machine: ${board.model}, ${board.architecture ?? 'of an unknown kind'}, ${megabytes(memoryBytes)} of memory, ${megabytes(diskFreeBytes)} free on its disk.`,
    ...estimate(board.model),
  ];
  if (plan.kind === 'refused') {
    lines.push(
      'It can not be installed here:',
      ...plan.refusals.map(({ reason }) => `  - ${reason}`),
    );
    return lines.join('\n');
  }
  if (plan.steps.length === 0) {
    lines.push(
      `All is done already${enrolled === null ? '' : `: this is node ${enrolled}`}. Nothing changes.`,
    );
    return lines.join('\n');
  }
  lines.push('What will be done:');
  for (const [index, step] of plan.steps.entries()) {
    lines.push(`  ${index + 1}. ${titleOf(step)}: ${step.why}`);
  }
  if (!isAptTold && !plan.steps.some(({ kind }) => kind === 'apt')) {
    lines.push(
      'apt is left alone. With --apt on its packages come through the site: each over your line once for all Pis.',
    );
  }
  lines.push('To undo it: sudo punnet-agent leave, then sudo apt purge punnet-agent.');
  return lines.join('\n');
}

/** What a step does, in a few words. */
export function titleOf(step: Step): string {
  switch (step.kind) {
    case 'packages':
      return `install ${step.names.join(', ')} by apt-get`;
    case 'folder':
      return `make ${step.path}`;
    case 'enrol':
      return `enrol this node at ${step.url}`;
    case 'start':
      return `start ${step.unit}`;
    case 'apt':
      return 'let apt ask the agent for packages (two files in /etc)';
  }
}
