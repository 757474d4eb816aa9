// Where a federation's programs run: all on this machine as it is, or in the homes of a lab.

/** Runs `punnet` to its end. */
export type Punnet = (...words: readonly string[]) => Promise<string>;

export interface Ground {
  /** What the scheduler and the CLI are started by. */
  readonly core: readonly string[];
  /** More words for the scheduler. */
  readonly schedulerWords: readonly string[];
  /** What a node's programs are started by. */
  node(name: string): readonly string[];
  /** Before the scheduler starts for the first time. */
  prepare(dataFolder: string, punnet: Punnet): Promise<void>;
  /** Brings a node that is enrolled to where it hears the bus. */
  connect(name: string, stateFolder: string): Promise<void>;
  /** Bytes that a site's line has carried into it so far, all layers; undefined: it has no line of its own. */
  carriedInto(site: string): number | undefined;
  close(): Promise<void>;
}

/** Agents reach the scheduler directly. */
export const thisMachine: Ground = {
  core: [],
  schedulerWords: ['--overlay', 'none'],
  node: () => [],
  prepare: () => Promise.resolve(),
  connect: () => Promise.resolve(),
  carriedInto: () => undefined,
  close: () => Promise.resolve(),
};
