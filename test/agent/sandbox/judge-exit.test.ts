// What a task that went over a limit is told: which, how much it had, and where to ask for more.

import { expect, test } from 'vitest';
import { overDisk, overMemory, overTime } from '../../../agent/adapters/sandbox/judge-exit.ts';

test.each([
  [
    overTime(90_500),
    { code: 'timeout', detail: 'ran over its 90.5 s: ask for more (timeout in the job file)' },
  ],
  [
    overMemory(64_000_000),
    {
      code: 'out_of_memory',
      detail: 'needed over 64000000 bytes of memory: ask for more (memory in the job file)',
    },
  ],
  [
    overDisk(101, 100),
    {
      code: 'out_of_disk',
      detail: 'work folder took 101 of 100 bytes: ask for more (disk in the job file)',
    },
  ],
  [
    overDisk(Infinity, 100),
    {
      code: 'out_of_disk',
      detail:
        'work folder holds over 100000 files and folders, or paths too long to count: pack them',
    },
  ],
])('%j', (ending, told) => {
  expect(ending).toEqual(told);
});
