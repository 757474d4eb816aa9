// How fast a core of this node is: six small kernels by CPU time, best of three, under 2 s.
// The figure is provisional: its reference rates are estimates, not yet taken on a real board.

import { createCipheriv, createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

export interface Kernel {
  readonly name: string;
  /** Units (MB, Mop or MFLOP) in a second of CPU time. */
  readonly rate: number;
}

export interface Speed {
  /** Geometric mean against a Cortex-A53, in its GHz. */
  readonly gigahertz: number;
  readonly kernels: readonly Kernel[];
  readonly tookMs: number;
}

/**
 * Estimated rates of a Cortex-A53 for each GHz. Provisional: until a Raspberry Pi 3 was measured
 * they are public figures for that core without crypto extensions, good to a factor of about 1.5.
 */
const referenceRates: Readonly<Record<string, number>> = {
  sha256: 55,
  aes256cbc: 28,
  deflate: 7,
  integer: 320,
  matrix: 130,
  memory: 1300,
};

const sliceMs = 70;
const sliceCount = 3;

/** Measures; blocks the thread for under 2 s, so call it when idle. */
export function measureSpeed(): Speed {
  const startedMs = performance.now();
  const kernels = allKernels().map(({ name, work, run }) => ({
    name,
    rate: rateOf(work, run),
  }));
  const logs = kernels.map(({ name, rate }) => Math.log(rate / (referenceRates[name] ?? 1)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return {
    gigahertz: Number(Math.exp(mean).toPrecision(3)),
    kernels,
    tookMs: Math.round(performance.now() - startedMs),
  };
}

interface Work {
  readonly name: string;
  readonly work: number;
  readonly run: () => void;
}

function rateOf(work: number, run: () => void): number {
  run(); // Compiles, and touches its pages.
  let best = 0;
  for (let slice = 0; slice < sliceCount; slice += 1) {
    const startedUs = cpuUs();
    const startedMs = performance.now();
    let count = 0;
    do {
      run();
      count += 1;
      // The wall bounds a slice on a busy machine.
    } while (cpuUs() - startedUs < sliceMs * 1000 && performance.now() - startedMs < sliceMs * 1.4);
    best = Math.max(best, (count * work) / (Math.max(1, cpuUs() - startedUs) / 1e6));
  }
  return Number(best.toPrecision(4));
}

function cpuUs(): number {
  const usage = process.cpuUsage();
  return usage.user + usage.system;
}

function allKernels(): readonly Work[] {
  const block = Buffer.from(Array.from({ length: 16_384 }, (_, index) => (index * 40_503) >>> 8));
  const line = (index: number): string => `line ${index % 97} value ${(index * 7919) % 1009}\n`;
  const lines = Array.from({ length: 2048 }, (_, index) => line(index)).join('');
  const text = Buffer.from(lines.slice(0, 32_768));
  const key = Buffer.alloc(32, 1);
  const vector = Buffer.alloc(16, 2);
  const source = Buffer.alloc(2 << 20, 3);
  const target = Buffer.alloc(2 << 20);
  const megabytes = (buffer: Buffer): number => buffer.length / 1e6;
  return [
    {
      name: 'sha256',
      work: megabytes(block),
      run: () => void createHash('sha256').update(block).digest(),
    },
    {
      name: 'aes256cbc',
      work: megabytes(block),
      run: () => void createCipheriv('aes-256-cbc', key, vector).update(block),
    },
    {
      name: 'deflate',
      work: megabytes(text),
      run: () => void deflateRawSync(text, { level: 6 }),
    },
    { name: 'integer', work: (50_000 * 7) / 1e6, run: integerLoop },
    { name: 'matrix', work: (2 * 24 ** 3) / 1e6, run: matrixProduct() },
    {
      name: 'memory',
      work: megabytes(source),
      run: () => void source.copy(target),
    },
  ];
}

let sink = 0;

function integerLoop(): void {
  let state = 2_463_534_242 | 0;
  let sum = 0;
  for (let index = 0; index < 50_000; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    sum = (sum + (state & 255)) | 0;
  }
  sink ^= sum; // Kept, or the compiler drops the loop.
}

function matrixProduct(): () => void {
  const size = 24;
  const left = new Float64Array(size * size).fill(1.1);
  const right = new Float64Array(size * size).fill(0.9);
  const product = new Float64Array(size * size);
  return () => {
    for (let row = 0; row < size; row += 1) {
      for (let column = 0; column < size; column += 1) {
        let sum = 0;
        for (let step = 0; step < size; step += 1) {
          sum += (left[row * size + step] ?? 0) * (right[step * size + column] ?? 0);
        }
        product[row * size + column] = sum;
      }
    }
    sink ^= (product[5] ?? 0) | 0;
  };
}
