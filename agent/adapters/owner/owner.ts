// The owner's limits as they stand, what follows from them, and what the node says of itself.

import { statSync } from 'node:fs';
import { RateSource, Refusal, type UplinkRate } from '../../../proto/gen/punnet/v1/common.ts';
import type { Inventory, NodeStatus } from '../../../proto/gen/punnet/v1/node.ts';
import { noAllowance, type Allowance } from '../../core/index.ts';
import type { Rate } from '../blobs/uplink-pacer.ts';
import { memoryForTasks } from '../probe/inventory.ts';
import { isUnderVoltage } from '../probe/power.ts';
import { readStatus } from '../probe/status.ts';
import type { StateFolder } from '../state/state-folder.ts';
import { Allotment } from './allotment.ts';
import { allow, hasMoreThanKept, mayTransfer } from './allowance.ts';
import { hoursLeftMs } from './hours.ts';
import { householdHash } from './household.ts';
import { defaultLimits, readKnownLimits, type Limits } from './limits.ts';
import { atFirst, look, powerOf } from './power-watch.ts';
import { Traffic } from './traffic.ts';

/** A careful first value, as the scheduler has for a line nobody has described. */
const guess: UplinkRate = {
  downBps: 2_000_000,
  upBps: 500_000,
  source: RateSource.GUESSED,
  ageMs: 0,
  spread: 1,
};

/** That the scheduler grants at a site, in each direction. */
const transfersAtATime = 2;

export class Owner {
  readonly #state: StateFolder;
  readonly #inventory: Inventory;
  readonly #sandboxProblem: string | null;
  #limits: Limits = defaultLimits;
  #limitsProblem: string | null = null;
  #unknownLimits: readonly string[] = [];
  #allowance: Allowance = noAllowance;
  #power = atFirst;
  readonly traffic: Traffic;
  #monthBytes = 0;
  #linePart = 1;
  /** Why no task can have internet here, whatever the limits say; undefined: nobody has looked. */
  #internetProblem: string | null | undefined;
  readonly #allotment: Allotment;

  constructor(options: {
    readonly state: StateFolder;
    readonly inventory: Inventory;
    /** Why no task may run here, whatever the limits say; or null. */
    readonly sandboxProblem: string | null;
  }) {
    this.#state = options.state;
    this.#allotment = new Allotment(options.state.kept('allotment.json'));
    this.traffic = new Traffic({ kept: options.state.kept('traffic.json') });
    this.#inventory = options.inventory;
    this.#sandboxProblem = options.sandboxProblem;
  }

  /** The last ones without a mistake. */
  get limits(): Limits {
    return this.#limits;
  }

  /** What is wrong with the limits file, or null. */
  get limitsProblem(): string | null {
    return this.#limitsProblem;
  }

  /** Names in the file that are no limits to this agent. */
  get unknownLimits(): readonly string[] {
    return this.#unknownLimits;
  }

  get allowance(): Allowance {
    return this.#allowance;
  }

  /** Reads limits and machine again. A limits file with a mistake stops new tasks. */
  look(): Allowance {
    try {
      const found = readKnownLimits(this.#state.file('limits.json'));
      [this.#limits, this.#unknownLimits] = [found.limits, found.unknown];
      this.#limitsProblem = null;
    } catch (error) {
      this.#limitsProblem = shorten(error instanceof Error ? error.message : String(error));
    }
    const { diskAvailableBytes, temperatureCelsius } = readStatus(this.#state.path);
    const now = new Date();
    const nowMs = performance.now();
    this.#power = look(this.#power, isUnderVoltage(), nowMs);
    this.#monthBytes = this.traffic.look(now, nowMs);
    this.#allowance = allow(this.#limits, {
      slots: this.#inventory.slots,
      memoryBytes: memoryForTasks(this.#inventory.memoryBytes),
      diskAvailableBytes,
      temperatureC: temperatureCelsius,
      wasHot: this.#allowance.notAccepting?.code === 'temperature',
      power: powerOf(this.#power, nowMs),
      ...this.month,
      minuteOfDay: 60 * now.getHours() + now.getMinutes(),
      sandboxProblem: this.#sandboxProblem === null ? null : shorten(this.#sandboxProblem),
      limitsProblem: this.#limitsProblem,
    });
    return this.#allowance;
  }

  /** What this node has used of the line this month, and may. */
  get month(): { readonly monthBytes: number; readonly monthlyBytes: number } {
    const monthlyBytes = this.#allotment.of(this.#limits.monthlyBytes);
    return { monthBytes: this.#monthBytes, monthlyBytes };
  }

  /** The scheduler has given this node its part of the household's bytes. */
  allotted(bytes: number): void {
    this.#allotment.take(bytes);
  }

  /** Whether blobs may move this month. */
  mayTransfer(): boolean {
    return mayTransfer(this.month);
  }

  /** Whether tasks may move bytes of their own this month: not those that are kept for results. */
  hasMoreThanKept(): boolean {
    return hasMoreThanKept(this.month);
  }

  /** What this machine can do of tasks with internet. */
  foundInternet(problem: string | null): void {
    this.#internetProblem = problem;
  }

  /** Why it is allowed in vain; null: it is not, undefined: nobody has looked. */
  get internetProblem(): string | null | undefined {
    return this.#internetProblem;
  }

  /** What blobs may use of the uplink now; null: the owner has not said what it can do. */
  rate(): Rate | null {
    const { uplink, uplinkShare } = this.#limits;
    if (uplink === null) return null;
    const part = uplinkShare * this.#linePart;
    return { downBps: part * uplink.downBps, upBps: part * uplink.upBps };
  }

  /** What tasks with internet may use, by a careful guess, where the owner has not said what the line can do; null: she has. */
  guessedRate(): Rate | null {
    const { uplink, uplinkShare } = this.#limits;
    if (uplink !== null) return null;
    const part = uplinkShare * this.#linePart;
    return { downBps: part * guess.downBps, upBps: part * guess.upBps };
  }

  /** Of its share of the line; less while the household is busy there. */
  get linePart(): number {
    return this.#linePart;
  }

  keepToPart(part: number): void {
    this.#linePart = part;
  }

  /** What part of the line the site fills by owners' shares, when all have this one's; null: nobody has said what it can do. */
  filledPart(): number | null {
    const { uplink, uplinkShare } = this.#limits;
    return uplink === null ? null : Math.min(1, transfersAtATime * uplinkShare);
  }

  /** What may be given to others of the LAN, and taken from them; null: no limit. */
  lanRate(): Rate | null {
    const { lanBps } = this.#limits;
    return lanBps === null ? null : { downBps: lanBps, upBps: lanBps };
  }

  /** The inventory, with what the owner leaves of memory and cores. */
  inventory(): Inventory {
    const { memoryBytes, speedGhz } = this.#inventory;
    const { cpuShare } = this.#limits;
    return {
      ...this.#inventory,
      speedGhz: speedGhz * cpuShare,
      cpuShare: cpuShare < 1 ? cpuShare : undefined,
      memoryBytes: Math.min(memoryBytes, this.#limits.memoryBytes ?? memoryBytes),
      household: householdHash(this.#limits.household),
    };
  }

  status(): NodeStatus {
    const reading = readStatus(this.#state.path);
    const { slots, isAccepting, notAccepting } = this.#allowance;
    return {
      load: reading.load,
      memoryAvailableBytes: reading.memoryAvailableBytes,
      diskAvailableBytes: reading.diskAvailableBytes,
      temperatureC: reading.temperatureCelsius ?? 0,
      uplink: this.#uplink(),
      isAccepting,
      notAccepting: notAccepting === null ? undefined : Refusal.fromPartial(notAccepting),
      slots,
      hoursLeftMs: hoursLeftMs(this.#limits.hours, msOfDay(new Date())) ?? undefined,
      refuses: [...this.#limits.refuses],
      allowsInternet: this.#limits.allowsInternet && this.#internetProblem === null,
      month: {
        capBytes: Math.round(this.#limits.monthlyBytes),
        usedBytes: this.#monthBytes,
        allotmentBytes: this.month.monthlyBytes,
      },
    };
  }

  #uplink(): UplinkRate {
    const { uplink } = this.#limits;
    if (uplink === null) return guess;
    const ageMs = Math.max(0, Math.round(Date.now() - this.#limitsChangedMs()));
    return { ...uplink, source: RateSource.DECLARED, ageMs, spread: 0 };
  }

  #limitsChangedMs(): number {
    return statSync(this.#state.file('limits.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }
}

/** Local time, as owners write their hours. */
function msOfDay(now: Date): number {
  const minutes = 60 * now.getHours() + now.getMinutes();
  return 60_000 * minutes + 1_000 * now.getSeconds() + now.getMilliseconds();
}

/** The scheduler takes reasons of at most 256 characters. */
function shorten(reason: string): string {
  return reason.length <= 250 ? reason : `${reason.slice(0, 249)}…`;
}
