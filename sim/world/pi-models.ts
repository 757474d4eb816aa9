// The four boards that a federation is drawn from. Speeds of one core in GHz of Cortex-A53: 7-zip, in
// the proportion 1 : 1.44 : 1.94 : 3.05 (sbc-bench, https://github.com/ThomasKaiser/sbc-bench), a
// Pi 3 core being 1.2. Floating point is further apart: Whetstone, 82.6, 118.2, 847.5 and 2,000 MWIPS of
// a board with all its cores (https://github.com/fm4dd/sbc-benchmarks). Memory is what the boards have.

import type { Architecture } from '../../scheduler/core/index.ts';

export interface PiModel {
  readonly name: string;
  readonly architecture: Architecture;
  readonly userland: string;
  readonly slots: number;
  readonly speedGhz: number;
  /** For floating point, the part of that speed that is left. */
  readonly floatingPart: number;
  readonly memoryBytes: number;
}

const pi1Ghz = 1.2 / 3.05;
/** Of a Pi 3 core, for a GHz. */
const mwipsPerGhz = 2000 / 4 / 1.2;

function floatingPart(mwipsOfCore: number, speedGhz: number): number {
  return mwipsOfCore / mwipsPerGhz / speedGhz;
}

export const piModels = {
  pi1b: {
    name: 'Raspberry Pi 1 Model B',
    architecture: 'armv6l',
    userland: 'armhf',
    slots: 1,
    speedGhz: pi1Ghz,
    floatingPart: floatingPart(82.6, pi1Ghz),
    memoryBytes: 512e6,
  },
  zerow: {
    name: 'Raspberry Pi Zero W',
    architecture: 'armv6l',
    userland: 'armhf',
    slots: 1,
    speedGhz: 1.44 * pi1Ghz,
    floatingPart: floatingPart(118.2, 1.44 * pi1Ghz),
    memoryBytes: 512e6,
  },
  pi2b: {
    name: 'Raspberry Pi 2 Model B',
    architecture: 'armv7l',
    userland: 'armhf',
    slots: 4,
    speedGhz: 1.94 * pi1Ghz,
    floatingPart: floatingPart(847.5 / 4, 1.94 * pi1Ghz),
    memoryBytes: 1e9,
  },
  pi3b: {
    name: 'Raspberry Pi 3 Model B',
    architecture: 'aarch64',
    userland: 'arm64',
    slots: 4,
    speedGhz: 1.2,
    floatingPart: 1,
    memoryBytes: 1e9,
  },
} as const satisfies Readonly<Record<string, PiModel>>;

/** Boards of one model differ by so much up or down: case, power supply, SD card (assumed). */
export const boardSpread = 0.3;
