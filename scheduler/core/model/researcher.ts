// Who submits jobs, and what operators have set for them.

export interface ResearcherSettings {
  /** Two researchers who both want all get parts in this proportion; 1 by default. */
  readonly weight: number;
  /** Leases at a time; null: no bound. */
  readonly maxLeases: number | null;
  /** Waiting tasks at a time; null: no bound. */
  readonly maxWaitingTasks: number | null;
}

export const defaultSettings: ResearcherSettings = {
  weight: 1,
  maxLeases: null,
  maxWaitingTasks: null,
};
