// A policy between which and those who ask it somebody stands: who watches, or checks its answers.

import type { Policy } from '../../scheduler/core/index.ts';

/** One of the rules of a policy, and what it is asked, in words. */
export interface Asked {
  readonly rule: 'choice.pick' | 'hold' | 'holdsSite' | 'holdsFetch' | 'nextTransfers';
  readonly text: () => string;
}

/** Lets the policy think, and hands on what it answers. */
export type Ask = <Answer>(asked: Asked, think: () => Answer) => Answer;

/** The same policy; a question may be asked while another one is open. */
export function askedPolicy(policy: Policy, ask: Ask): Policy {
  const { holdsSite, holdsFetch } = policy;
  return {
    ...policy,
    choice: askedChoice(policy, ask),
    hold: (option, round) => {
      const text = (): string =>
        `whether task ${option.taskIndex} of job ${option.job.template.name} waits rather than go to node ${option.node.name}`;
      return ask({ rule: 'hold', text }, () => policy.hold(option, round));
    },
    ...(holdsSite !== undefined && {
      holdsSite: (option, round) => {
        const text = (): string =>
          `whether job ${option.job.template.name} waits at site ${option.site.siteId}`;
        const think = () => holdsSite.call(policy, option, round);
        return ask({ rule: 'holdsSite', text }, think);
      },
    }),
    ...(holdsFetch !== undefined && {
      holdsFetch: (option, round) => {
        const text = (): string =>
          `whether nodes of site ${option.site.siteId} do not fetch the program of job ${option.job.template.name}`;
        const think = () => holdsFetch.call(policy, option, round);
        return ask({ rule: 'holdsFetch', text }, think);
      },
    }),
    nextTransfers: (waiting, places, isAwaited) => {
      const text = (): string => `which transfers go next, at most ${places}`;
      const think = () => policy.nextTransfers(waiting, places, isAwaited);
      return ask({ rule: 'nextTransfers', text }, think);
    },
  };
}

function askedChoice({ choice }: Policy, ask: Ask): Policy['choice'] {
  if (choice.asks === 'task') {
    return {
      asks: 'task',
      pick: (job, nodes, round) => {
        const text = (): string =>
          `which of ${nodes.size} nodes the next task of job ${job.template.name} takes`;
        return ask({ rule: 'choice.pick', text }, () => choice.pick(job, nodes, round));
      },
    };
  }
  return {
    asks: 'slot',
    pick: (options, round) => {
      const text = (): string => 'which task a free slot takes';
      return ask({ rule: 'choice.pick', text }, () => choice.pick(options, round));
    },
  };
}
