// The scheduler's core, as its loop, adapters, API and the simulator see it.
export * from './model/ids.ts';
export * from './model/architecture.ts';
export * from './model/job.ts';
export * from './model/node.ts';
export * from './model/placeholders.ts';
export * from './model/token.ts';
export type * from './commands.ts';
export type * from './decision.ts';
export type * from './effects.ts';
export * from './facts.ts';
export type * from './image.ts';
export type * from './view.ts';
export { apply } from './apply.ts';
export { decide } from './decide.ts';
export { toJournal } from './merge-facts.ts';
export { StateView } from './queries.ts';
export { State } from './state.ts';
export { imageOf, stateOf } from './state-image.ts';
