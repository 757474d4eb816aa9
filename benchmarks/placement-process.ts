// Measures one size of the benchmark of placement, since a state of a million nodes wants more memory
// than a process has by default, and a heap of its own to be measured.

import { measurePlacement } from './placement-trial.ts';

process.once('message', (trial: Parameters<typeof measurePlacement>[0]) => {
  process.send?.(measurePlacement(trial), () => process.disconnect());
});
