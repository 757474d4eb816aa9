// What an installation finds on a machine: filled by `look-around.ts`, judged by `plan.ts`.

/** What answers at the federation's address. */
export type FederationReading =
  | {
      readonly kind: 'answered';
      /** Its clock minus ours. */
      readonly aheadMs: number;
      /** Whether it shows the CA that the token, or this node's identity, names. */
      readonly isPinned: boolean;
      /** Who signed the certificate that it shows. */
      readonly issuer: string;
    }
  | { readonly kind: 'silent'; readonly error: string };

export interface Board {
  /** As the board names itself; "unknown" where it does not. */
  readonly model: string;
  /** null: none that tasks are built for. */
  readonly architecture: string | null;
}

/** The Node.js that the service runs; null: none is installed. */
export interface NodeReading {
  readonly file: string;
  /** Such as "18.20.4"; null: it does not run. */
  readonly version: string | null;
  /** What ended it, such as SIGILL. */
  readonly problem: string;
}

export interface Findings {
  readonly isRoot: boolean;
  readonly board: Board;
  readonly memoryBytes: number;
  /** Where the agent's folder is, or will be. */
  readonly diskFreeBytes: number;
  readonly node: NodeReading | null;
  /** Packages of Debian that are not here, of those that the agent needs. */
  readonly missingPackages: readonly string[];
  readonly hasApt: boolean;
  /** Whether systemd runs and knows the package's units. */
  readonly hasUnits: boolean;
  /** Units that do not run. */
  readonly stoppedUnits: readonly string[];
  /** The node's name where it is enrolled. */
  readonly enrolled: string | null;
  readonly isFolderThere: boolean;
  /** Whether apt asks the agent for packages. */
  readonly isAptTold: boolean;
  /** null: was not asked for, since nothing is to be enrolled. */
  readonly federation: FederationReading | null;
}

export const units = [
  'punnet-overlay.service',
  'punnet-overlay-restart.path',
  'punnet-agent.service',
] as const;
