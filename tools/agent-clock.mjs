// `performance` in the agent's bundle: milliseconds since the process started, by a clock that only goes
// forward. Node 18 loads a dozen modules for its own, which would stay in a small board's memory.

export const performance = { now: () => process.uptime() * 1_000 };
