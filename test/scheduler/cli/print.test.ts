// How values look: units, colours only where they belong, and explanations with several hindrances.
import { expect, test } from 'vitest';
import { Job, Task, TaskCounts } from '../../../proto/gen/punnet/v1/job.ts';
import { ExplainJobResponse } from '../../../proto/gen/punnet/v1/job_service.ts';
import { Node } from '../../../proto/gen/punnet/v1/node_service.ts';
import { Share } from '../../../proto/gen/punnet/v1/researcher_service.ts';
import type { CliIo } from '../../../scheduler/cli/io.ts';
import { liveLine } from '../../../scheduler/cli/live-line.ts';
import {
  explanationText,
  jobText,
  stateText,
  tasksText,
} from '../../../scheduler/cli/print-jobs.ts';
import { planText } from '../../../scheduler/cli/print-plan.ts';
import {
  bytesText,
  countText,
  rateText,
  safeText,
  spanText,
  timeText,
} from '../../../scheduler/cli/print.ts';
import { nodesText } from '../../../scheduler/cli/print-nodes.ts';
import { sharesText } from '../../../scheduler/cli/print-shares.ts';
import { progressText, rateMeter } from '../../../scheduler/cli/progress.ts';

class Terminal implements CliIo {
  printed = '';
  nowMs = 0;
  readonly isTty: boolean;
  readonly env: CliIo['env'];
  readonly signal = new AbortController().signal;

  constructor(isTty: boolean, env: CliIo['env'] = {}) {
    this.isTty = isTty;
    this.env = env;
  }

  readonly out = (text: string): void => void (this.printed += text);
  readonly err = this.out;
  readonly now = (): number => this.nowMs;
}

test.each([
  [bytesText(0), '0 B'],
  [bytesText(999), '999 B'],
  [bytesText(1_500), '1.5 kB'],
  [bytesText(123_456_789), '123 MB'],
  [bytesText(2e12), '2 TB'],
  [rateText(20e6), '20 Mbit/s'],
  [rateText(1_234), '1.2 kbit/s'],
  [spanText(400), '0 s'],
  [spanText(59_499), '59 s'],
  [spanText(61_000), '1 min 1 s'],
  [spanText(7_260_000), '2 h 1 min'],
  [spanText(49 * 3_600_000), '2 d 1 h'],
  [timeText(0), ''],
  [timeText(1_769_860_800_123), '2026-01-31 12:00:00Z'],
  [countText(1, 'file'), '1 file'],
  [countText(0, 'file'), '0 files'],
])('%s is %s', (found, wanted) => {
  expect(found).toBe(wanted);
});

test.each([
  [1, 0, false],
  [1, 1.9, false],
  [1, 0.6, false],
  [1, 2.1, true],
  [1, 0.4, true],
])('work of %d GHz*s where %d were declared: said to be off, %s', (workGhzS, declared, isSaid) => {
  const noResults = { resultBytes: 0, declaredOutputBytes: 10_000 };
  const measured = { workGhzS, tasks: 3, declaredWorkGhzS: declared, ...noResults };
  const text = jobText(new Terminal(false), Job.fromPartial({ measured }));
  expect(text).toContain('1.00 GHz*s (measured)');
  expect(text.includes('off by more than a factor of two')).toBe(isSaid);
});

test.each([
  [5_000_000, 0, false],
  [5_000_000, 9_000_000, false],
  [5_000_000, 10_000, true],
  [5_000_000, 11_000_000, true],
])(
  'results of %d bytes where %d were declared: said to be off, %s',
  (resultBytes, declared, isSaid) => {
    const work = { workGhzS: 1, tasks: 3, declaredWorkGhzS: 1 };
    const measured = { ...work, resultBytes, declaredOutputBytes: declared };
    const text = jobText(new Terminal(false), Job.fromPartial({ measured }));
    const told =
      /a task leaves +5 MB \(measured\); .* were declared, off by more than a factor of two/;
    expect(told.test(text)).toBe(isSaid);
  },
);

test('what others wrote cannot play with the terminal', () => {
  expect(safeText('a\u001b[31mb\u0007\r\nc\td\u009bx')).toBe('a[31mb\nc\tdx');
});

test('colours are for terminals, and not where NO_COLOR is set', () => {
  expect(stateText(new Terminal(true), 'failed')).toBe('\u001b[31mfailed\u001b[39m');
  expect(stateText(new Terminal(false), 'failed')).toBe('failed');
  expect(stateText(new Terminal(true, { NO_COLOR: '1' }), 'failed')).toBe('failed');
});

test('a rate is told once something has ended, with the time that is left', () => {
  const meter = rateMeter();
  const at = (succeeded: number, waiting: number): TaskCounts =>
    TaskCounts.fromPartial({ total: 10, succeeded, waiting });
  expect(meter(at(2, 8), 0)).toBeUndefined();
  expect(meter(at(2, 8), 10_000)).toBeUndefined();
  const job = Job.fromPartial({ counts: at(6, 4) });
  expect(progressText(job, meter(at(6, 4), 20_000))).toBe(
    '6/10 done, 20 s left, 0.20 tasks/s, 4 waiting',
  );
});

test.each([
  [{ running: 3 }, 0, '3/3 run'],
  [{ running: 1, staging: 1, waiting: 1 }, 1, '1/3 run, 1 on the way, 1 waiting, 1 restart'],
  [{ cancelled: 3 }, 7, '0/3 run, 3 cancelled, 7 restarts'],
])('a service is told by the replicas that run: %j', (counts, restarts, told) => {
  const spec = { service: { replicas: 3 } };
  const job = Job.fromPartial({ spec, counts: { total: 3, ...counts }, restarts });
  expect(progressText(job)).toBe(told);
});

test('several hindrances are a table, and so is what sites have in hand', () => {
  const refusal = { reason: 'all slots are busy', remedy: 'wait', count: 5, sites: 2 };
  const answer = ExplainJobResponse.fromPartial({
    summary: '12 of 40 tasks wait. At 5 of 6 nodes: all slots are busy. What helps: wait.',
    refusals: [
      { ...refusal, code: 'busy' },
      { code: 'paused', reason: 'its owner has paused it', remedy: 'wait', count: 1, sites: 1 },
    ],
    sites: [
      { siteId: 'attic', nodes: 2, freeSlots: 0, cpuSeconds: 12, binding: 'cpu' },
      { siteId: 'school', nodes: 4, cpuSeconds: 3, downSeconds: 95, binding: 'uplink down' },
    ],
  });
  expect(explanationText(new Terminal(false), answer)).toBe(
    `12 of 40 tasks wait. At 5 of 6 nodes: all slots are busy. What helps: wait.

NODES  SITES  HELD BY  BECAUSE                  WHAT HELPS
5      2      busy     all slots are busy       wait
1      1      paused   its owner has paused it  wait

What each site has in hand:
SITE    NODES  FREE SLOTS  WORK  DOWN        UP   BOUND BY
attic   2      0           12 s  0 s         0 s  cpu
school  4      0           3 s   1 min 35 s  0 s  uplink down
`,
  );
});

test('a task is told with the node of its backup attempt', () => {
  const task = Task.fromPartial({ index: 3, state: 3, nodeName: 'attic', siteId: 'home' });
  const text = tasksText(new Terminal(false), [{ ...task, backupNodeName: 'school' }]);
  expect(text).toContain('attic (backup: school)  home');
  expect(tasksText(new Terminal(false), [task])).not.toContain('backup');
});

test('slots that are busy are told apart from tasks that come next', () => {
  const text = nodesText(
    new Terminal(false),
    [0, 3, 4, 6].map((leases) => Node.fromPartial({ leases, inventory: { slots: 4 } })),
  );
  const found = text.split('\n').map((line) => /\d\/4( \+\d)?/.exec(line)?.[0]);
  expect(found.filter((each) => each !== undefined)).toEqual(['0/4', '3/4', '4/4', '4/4 +2']);
});

test.each([
  [0, 0, '0.0 GHz*s  0 B'],
  [21.6, 0.000_024, '21.6 GHz*s  3 kB'],
  [3_600, 8, '1.0 GHz*h  1 GB'],
])('%d GHz*s and %d Gbit of a researcher are shown as %s', (workGhzS, gigabits, shown) => {
  const share = Share.fromPartial({ name: 'ada', workGhzS, gigabits });
  expect(sharesText(new Terminal(false), [share])).toContain(shown);
});

test('a live line is drawn over on a terminal, and told now and then in a pipe', () => {
  for (const [isTty, wanted] of [
    [true, '\r\u001b[Kat 300\r\u001b[Kat 2400\r\u001b[Kdone\n'],
    [false, 'at 2400\ndone\n'],
  ] as const) {
    const terminal = new Terminal(isTty);
    const line = liveLine(terminal);
    for (const ms of [100, 300, 400, 2_400]) {
      terminal.nowMs = ms;
      line.show(() => `at ${ms}`);
    }
    line.end('done\n');
    expect(terminal.printed).toBe(wanted);
  }
});

test('a plan is a line for each part of a job, the most intense one and the best site first', () => {
  const io = new Terminal(false);
  io.nowMs = 65_000;
  const sites = [
    { count: 1, siteIds: ['thin'], downRatio: 0.0000026, upRatio: 0, binding: 'down' },
    {
      count: 9,
      siteIds: ['a', 'b', 'c', 'd'],
      downRatio: 0.00523,
      upRatio: 0.001,
      binding: 'cpu',
    },
  ];
  const jobs = [
    {
      ...{ count: 1, jobIds: ['j1'], names: ['light'], downIntensity: 0, upIntensity: 0 },
      ...{ tasks: 40, shares: [30, 10] },
    },
    {
      ...{ count: 1, jobIds: ['j2'], names: ['heavy\u001b[2J'], downIntensity: 0.0123 },
      ...{ upIntensity: 0, tasks: 20, shares: [0.01, 19.99] },
    },
  ];
  const plan = { askedUnixMs: 60_000, endsUnixMs: 120_000, sites, jobs };
  expect(planText(io, plan).split('\n')).toEqual([
    'JOB       INTENSITY  TASKS     SHARE  AT                    RATIO      BOUND BY',
    'heavy[2J  0.012      20 of 20  100%   a, b, c and 6 others  0.0052     CPU',
    'light     0          10 of 40  25%    a, b, c and 6 others  0.0052     CPU',
    'light     0          30 of 40  75%    thin                  0.0000026  uplink down',
    'asked for 5 s ago: all that waited then would take 1 min 0 s; intensity and ratio, down, in Gbit/s per GHz',
    '',
  ]);
});
