// The agent's core, as its loop, adapters and the simulator see it.
export type * from './model.ts';
export type * from './commands.ts';
export type * from './effects.ts';
export { take } from './decide.ts';
export { freeTransferBytes } from './limits.ts';
export { blobsInUse } from './slots.ts';
export { AgentState, fullAllowance, nextDeadlineMs, noAllowance } from './state.ts';
export type { ExchangeCommand, ExchangeEffect, PeerAddress } from './exchange/words.ts';
export { ExchangeState } from './exchange/exchange.ts';
export { withinMs as chunkWithinMs } from './exchange/limits.ts';
export { nextExchangeMs } from './exchange/look.ts';
export { takeExchange } from './exchange/take-exchange.ts';
