// What a scenario file says: a federation to draw and jobs to run on it. Every field is there because
// a scenario uses it.

import { z } from 'zod';
import { bytes, rate, span, speed, work } from '../../scheduler/api/quantities.ts';
import { piModels } from '../world/pi-models.ts';
import { moreThanNothing, percentage, quantityOf, rangeOf, rangeOfMore } from './quantities.ts';

const count = z.int().min(1).max(1_000_000);

const siteSizes = z
  .strictObject({
    from: count,
    to: count,
    /** Of the Pareto distribution; it plays no part when all sites are alike. */
    exponent: z.number().positive().default(1),
  })
  .refine(({ from, to }) => from <= to, { error: 'wanted the smaller size first' });

const uplinks = z
  .strictObject({
    /** Drawn from a panel of home lines, down and up together. */
    lines: z.literal('ofcom-2015').optional(),
    down: rangeOfMore(rate).optional(),
    /** The up rate as a part of the down rate. */
    upPart: z.number().positive().optional(),
    /** Of the line, that its owner leaves to the federation. */
    share: percentage.optional(),
    /** The time of day when the run begins: from 20 to 22 h lines are slower then, as the panel's
     * are. Without: they are the same all day. */
    startsAt: quantityOf(span).optional(),
  })
  .refine(({ lines, down }) => (lines === undefined) !== (down === undefined), {
    error: 'wanted either lines: ofcom-2015 or a down rate such as 10 Mbit/s',
  })
  .refine(({ down, upPart }) => down === undefined || upPart !== undefined, {
    error: 'wanted upPart beside the down rate, such as 0.17',
  })
  .refine(({ lines, startsAt }) => lines !== undefined || startsAt === undefined, {
    error: 'wanted lines: ofcom-2015 beside startsAt: of other lines nobody knows their evenings',
  });

/** A Weibull distribution; with a shape below 1, what has lasted long lasts longer. */
const spans = z.strictObject({ shape: z.number().positive(), scale: moreThanNothing(span) });

const often = { every: moreThanNothing(span), lasts: moreThanNothing(span) };

const dayMs = 24 * 3_600_000;

/** What owners allow; all nodes of a site have one. */
const owners = z
  .strictObject({
    /** So many let their nodes work in some hours of the day alone, the same each day. */
    hours: z
      .strictObject({
        part: percentage,
        /** When these begin, of the day; a run begins at midnight, or at the uplinks' `startsAt`. */
        from: rangeOf(span).refine(({ to }) => to < dayMs, {
          error: 'wanted a time of the day, less than 24 h',
        }),
        lasts: rangeOf(span).refine(({ from, to }) => from >= 60_000 && to < dayMs, {
          error: 'wanted at least 1 min, and less than 24 h',
        }),
      })
      .optional(),
    /** Now and then an owner lets nothing start, for so long in the mean. */
    pauses: z.strictObject(often).optional(),
  })
  .refine(({ hours, pauses }) => hours !== undefined || pauses !== undefined, {
    error: 'wanted hours, or pauses, or both',
  });

/** Who belongs to the federation changes while a run goes on. */
const turnover = z
  .strictObject({
    /** For so long in the mean a site stays until its owner leaves for good with all its nodes;
     * new ones come as often. */
    stay: moreThanNothing(span).optional(),
    /** For so long in the mean an SD card lasts. With it all is lost that its node knew, who it was
     * too: on a new card it enrols anew. */
    cards: moreThanNothing(span).optional(),
    /** Until there is a new card, in the mean. */
    replacedAfter: quantityOf(span).optional(),
    /** From then on nobody comes or leaves, and no card dies. */
    until: quantityOf(span),
  })
  .refine(({ stay, cards }) => stay !== undefined || cards !== undefined, {
    error: 'wanted how long owners stay, or how long cards last, or both',
  })
  .refine(({ cards, replacedAfter }) => (cards === undefined) === (replacedAfter === undefined), {
    error: 'wanted cards and replacedAfter, or none of the two',
  });

/** So many boards are slower at times, for heat or a weak power supply. */
const throttling = z.strictObject({
  part: percentage,
  /** At random times, each on its own. */
  ...often,
  /** Of its speed, what is left then. */
  speed: percentage,
});

/** What fails beside nodes; each at random times, whose mean distance is `every`. */
const faults = z.strictObject({
  /** Whole sites lose their lines, as often as homes of the panel do, for so long in the mean. */
  outages: z
    .strictObject({ homes: z.literal('ofcom-2015'), lasts: moreThanNothing(span) })
    .optional(),
  /** A part of all sites loses its lines at once. */
  partitions: z.strictObject({ ...often, part: percentage }).optional(),
  /** The scheduler dies, and starts from its journal after so long. */
  restarts: z.strictObject(often).optional(),
  /** Messages both ways: so many are lost, come twice, or late, by up to so long. */
  messages: z
    .strictObject({
      lost: percentage,
      repeated: percentage,
      late: percentage,
      by: quantityOf(span),
    })
    .refine(({ lost, repeated, late }) => lost + repeated + late <= 1, {
      error: 'wanted at most 100 % of messages that are lost, repeated or late',
    })
    .optional(),
  /** From then on nothing fails, and what is to do must come to its end. */
  until: quantityOf(span),
});

/** Sites beside the others, where data is born: of jobs that say so each has its inputs at one of them, in turn. */
const reserves = z.strictObject({
  sites: count,
  /** At each. */
  nodes: count,
  down: rangeOfMore(rate),
  upPart: z.number().positive(),
});

const weight = z.number().nonnegative().default(0);
const models = z
  .strictObject({ pi1b: weight, zerow: weight, pi2b: weight, pi3b: weight } satisfies Record<
    keyof typeof piModels,
    unknown
  >)
  .refine((weights) => Object.values(weights).some((each) => each > 0), {
    error: 'wanted at least one model with a weight above 0',
  });

const word = z.string().regex(/^[a-z][a-z0-9-]*$/, 'small letters, digits and -');

const jobs = z.strictObject({
  name: word,
  /** Who submits them; turns are shared between researchers. */
  researcher: word.default('ada'),
  /** So many jobs of this kind; each draws its own values from the ranges. */
  jobs: count.default(1),
  /** Of each job. */
  tasks: count,
  work: rangeOfMore(work),
  /** Work in floating point: what a Pi 3 does in its time, an older board does in up to twice its own. */
  isFloatingPoint: z.boolean().default(false),
  /** Whether the scheduler is told the work and the bytes of results, or has to find out. */
  isDeclared: z.boolean().default(true),
  input: rangeOf(bytes).optional(),
  output: rangeOf(bytes).optional(),
  /** Whether its inputs are born at a reserve. */
  isBorn: z.boolean().default(false),
  /** Once for each site that runs the job. */
  bundle: rangeOf(bytes).optional(),
  memory: quantityOf(bytes).optional(),
  /** The first at 0, the others so far apart; without: all at once. */
  every: quantityOf(span).optional(),
});

/** What runs until it is stopped, beside the jobs. */
const services = z
  .strictObject({
    name: word,
    researcher: word.default('ada'),
    /** The scheduler takes no more (scheduler/api/service-spec.ts). */
    replicas: z.int().min(1).max(1_000),
    /** Of each replica, all the time; without a CPU rate it has all of its slot. */
    rates: z
      .strictObject({
        cpu: moreThanNothing(speed).optional(),
        down: moreThanNothing(rate).optional(),
        up: moreThanNothing(rate).optional(),
      })
      .default({}),
    bundle: quantityOf(bytes).optional(),
    memory: quantityOf(bytes).optional(),
    /** When it is submitted, and when it is cancelled; without: at 0, and never. */
    from: quantityOf(span).optional(),
    until: quantityOf(span).optional(),
    /** So long the scheduler waits for a silent node before it starts a replica elsewhere. */
    lostAfter: quantityOf(span).optional(),
  })
  .refine(({ from = 0, until = Infinity }) => from < until, {
    error: 'wanted a time to come that is before the time to stop',
    path: ['until'],
  });

/** A part of a log's jobs; a log tells nothing of bytes. */
const data = z.strictObject({
  weight: z.number().positive().default(1),
  input: rangeOf(bytes).optional(),
  output: rangeOf(bytes).optional(),
  /** The sizes are for so much work, and grow with it; without: they are those of a task. */
  per: moreThanNothing(work).optional(),
});

/** Jobs as somebody else's cluster was given them. */
const log = z.strictObject({
  /** In the Standard Workload Format; beside this file, or `name=FILE` on the command line. */
  swf: z.string().min(1),
  /** Where to get it: it does not come with the project. */
  source: z.string().min(1),
  /** Work of each second that a processor of that cluster ran. */
  second: moreThanNothing(work),
  data: z.array(data).min(1),
});

export const scenarioSchema = z
  .strictObject({
    about: z.string().min(1),
    federation: z.strictObject({
      nodes: count,
      siteSizes,
      models,
      uplinks,
      reserves: reserves.optional(),
      /** How long nodes stay switched on, and off; without: they are always on. */
      churn: z.strictObject({ up: spans, down: spans }).optional(),
      /** What owners allow; without: everything, always. */
      owners: owners.optional(),
      turnover: turnover.optional(),
      throttling: throttling.optional(),
      faults: faults.optional(),
    }),
    log: log.optional(),
    jobs: z.array(jobs).min(1).optional(),
    services: z.array(services).min(1).optional(),
  })
  .refine(({ jobs: some, log: one }) => (some === undefined) !== (one === undefined), {
    error: 'wanted either jobs, or a log of jobs',
  })
  .refine(
    ({ jobs: some = [], federation }) => {
      return federation.reserves !== undefined || !some.some(({ isBorn }) => isBorn);
    },
    { error: 'wanted federation.reserves, where the inputs of jobs with isBorn are born' },
  )
  .refine(
    ({ federation: { reserves: some, faults: one, turnover: other, uplinks: lines } }) => {
      const changes = [one, other, lines.startsAt];
      return some === undefined || changes.every((each) => each === undefined);
    },
    {
      error:
        'wanted reserves without faults, turnover and startsAt: what becomes of their lines then is not simulated',
    },
  );

export type ScenarioFile = z.infer<typeof scenarioSchema>;
export type JobClass = NonNullable<ScenarioFile['jobs']>[number];
export type FaultsOf = z.infer<typeof faults>;
export type TurnoverOf = z.infer<typeof turnover>;
export type OwnersOf = z.infer<typeof owners>;
export type LogOfJobs = NonNullable<ScenarioFile['log']>;

export interface Scenario extends ScenarioFile {
  readonly name: string;
}
