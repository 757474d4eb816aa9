// The scheduler's core, as its loop, adapters, API and the simulator see it.
export * from './model/ids.ts';
export * from './model/architecture.ts';
export * from './model/job.ts';
export * from './model/node.ts';
export * from './model/placeholders.ts';
export * from './model/service.ts';
export * from './model/task-rows.ts';
export type * from './model/researcher.ts';
export * from './model/token.ts';
export type { Census } from './census.ts';
export type * from './commands.ts';
export type * from './decision.ts';
export type * from './effects.ts';
export * from './facts.ts';
export { grown } from './grown.ts';
export type { Happening } from './happenings.ts';
export type * from './image.ts';
export type * from './view.ts';
export { apply } from './apply.ts';
export { decide } from './decide.ts';
export type * from './placement/policy.ts';
export { easedProgramOf, programOf, sharesOf } from './placement/plan/program.ts';
export type { PlanSummary } from './placement/plan/show-plan.ts';
export type { Demand, LinearProgram, Solution, Supply } from './placement/plan/program.ts';
export { aloneSeconds, wholeTaskSeconds } from './placement/plan/whole-tasks.ts';
export { defaultPolicy, policyMakers } from './placement/policies.ts';
export type { PolicyMaker } from './placement/policies.ts';
export { ratio, ratioRules, ratioWith } from './placement/policies/ratio.ts';
export * from './overlay/address-plan.ts';
export { toJournal } from './merge-facts.ts';
export { StateView } from './queries.ts';
export { holdingsOf } from './holdings.ts';
export type { Holdings, NamedBlob } from './holdings.ts';
export { endedRowLength, leasedRowLength } from './rows.ts';
export type { BlobPart, WantedBlob } from './distribution/exchange.ts';
export { chunksPerBlob, sharedFromBytes } from './distribution/limits.ts';
export type { ExchangeSummary } from './distribution/show-exchanges.ts';
export { isExchanged } from './distribution/wanted.ts';
export { defaultBakeMs } from './rollout/limits.ts';
export type { NodeRelease } from './rollout/rollout.ts';
export type { RolloutSummary } from './rollout/show-rollout.ts';
export { restoredFacts } from './restored.ts';
export { State } from './state.ts';
export type { JobRecord } from './state.ts';
export { imageOf, stateOf } from './state-image.ts';
export {
  backupsEveryMs,
  defaultLostAfterMs,
  defaultShare,
  leasesPerSlot,
  partKept,
  transfersAtATime,
  tasksPerJob,
} from './limits.ts';
