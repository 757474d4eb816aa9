// The agent's core, as its loop, adapters and the simulator see it.
export type * from './model.ts';
export type * from './commands.ts';
export type * from './effects.ts';
export { take } from './decide.ts';
export { freeTransferBytes } from './limits.ts';
export { blobsInUse } from './slots.ts';
export { AgentState, fullAllowance, nextDeadlineMs, noAllowance } from './state.ts';
