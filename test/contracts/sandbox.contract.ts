// What every back end of the sandbox holds: the tasks of sandbox-rows.ts, really run. Each ends with
// its reason, leaves nothing behind, and the next task runs.

import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../agent/adapters/sandbox/attempt-spec.ts';
import { attemptMark } from '../../agent/adapters/sandbox/attempt-spec.ts';
import type { SandboxRig } from '../agent/sandbox/sandbox-rig.ts';
import type { Row, Wall } from './sandbox-rows.ts';
import { rows } from './sandbox-rows.ts';

const reason = { code: 'cancelled', detail: 'nobody needs it' } as const;

export interface SandboxContract {
  readonly backend: Backend;
  readonly rig: SandboxRig;
  /** What this back end has beside rlimits, here. */
  readonly walls: readonly Wall[];
}

/** Declares the suite for one back end. */
export function sandboxContract(name: string, { backend, rig, walls }: SandboxContract): void {
  const prey = new Prey(rig);
  const isHeld = (row: Row): boolean =>
    row.walls === undefined || row.walls.some((wall) => walls.includes(wall));
  for (const row of rows) {
    if (!isHeld(row)) console.log(`${name}: not held: a task that ${row.name}`);
  }
  describe(name, () => {
    beforeAll(() => prey.start());
    afterAll(() => {
      prey.stop();
      rig.close();
    });

    describe.concurrent('a task that', () => {
      const numbered = rows.filter(isHeld).map((row, index) => ({ ...row, leaseId: 10 + index }));
      test.each(numbered)('$name ends as $code', async (row) => {
        const { leaseId } = row;
        const script = prey.fill(row.script, leaseId);
        const exit = await rig.run(leaseId, script, { ...row.more, backend });
        const log = rig.sandbox.logTail(leaseId);
        expect(exit, log).toMatchObject({ code: row.code });
        if (row.log !== undefined) expect(log).toMatch(row.log);
        if (row.detail !== undefined) expect(exit.detail, log).toMatch(row.detail);
        expectNothingLeft(rig, leaseId);
      });

      test('is cancelled while it starts ends as cancelled', async () => {
        const ended = rig.ended(80);
        await rig.stage(80, 'sleep 100', { backend });
        const starting = rig.sandbox.start(80);
        rig.sandbox.stop(80, reason);
        await starting;
        expect(await ended).toMatchObject(reason);
        expectNothingLeft(rig, 80);
      });

      test('is cancelled while it runs ends as cancelled', async () => {
        const ended = rig.ended(81);
        await rig.stage(81, 'sleep 100', { backend });
        await rig.sandbox.start(81);
        rig.sandbox.stop(81, reason);
        expect(await ended).toMatchObject(reason);
        expectNothingLeft(rig, 81);
      });
    });

    test("a running task is held to its owner's share of a core", async () => {
      const ended = rig.ended(85);
      await rig.stage(85, 'while :; do :; done', { backend, timeoutMs: 4_000 });
      await rig.sandbox.start(85);
      rig.sandbox.holdCpu(10);
      expect(await ended).toMatchObject({ code: 'timeout' });
      // Up to a second until it is seen; then a tenth.
      expect((await ended).cpuMs).toBeLessThan(2_500);
      rig.sandbox.holdCpu(100);
    });

    test('after all of them the next task runs', async () => {
      const exit = await rig.run(90, 'echo well > out; cat out', { backend });
      expect(exit).toMatchObject({ code: 'succeeded' });
      expect(rig.sandbox.logTail(90)).toBe('well\n');
      expect(prey.secret()).toBe('secret');
    });
  });
}

/** What tasks must not reach: secrets, another task's folder, and things that listen. */
class Prey {
  readonly #rig: SandboxRig;
  readonly #abstract: string;
  readonly #servers: Server[] = [];
  #port = 0;

  constructor(rig: SandboxRig) {
    this.#rig = rig;
    this.#abstract = rig.folder.replaceAll('/', '-');
  }

  async start(): Promise<void> {
    const { folder } = this.#rig;
    writeFileSync(join(folder, 'keys.json'), 'secret', { mode: 0o600 });
    mkdirSync(join(folder, 'attempts/900/work'), { recursive: true, mode: 0o711 });
    writeFileSync(join(folder, 'attempts/900/work/secret'), 'secret', { mode: 0o600 });
    for (const at of [0, `\0${this.#abstract}`, join(folder, 'socket')]) {
      const server = createServer((socket) => socket.end()).unref();
      this.#servers.push(server);
      await once(server.listen(at), 'listening');
      const address = server.address();
      if (typeof address === 'object' && address !== null) this.#port = address.port;
    }
  }

  stop(): void {
    for (const server of this.#servers) server.close();
  }

  secret(): string {
    return readFileSync(join(this.#rig.folder, 'attempts/900/work/secret'), 'utf8');
  }

  /** Puts the paths and ports of this run into a row's script. */
  fill(script: string, leaseId: number): string {
    return script
      .replaceAll('{lease}', String(leaseId))
      .replaceAll('{state}', this.#rig.folder)
      .replaceAll('{abstract}', this.#abstract)
      .replaceAll('{agent}', String(process.pid))
      .replaceAll('{port}', String(this.#port));
  }
}

function expectNothingLeft(rig: SandboxRig, leaseId: number): void {
  const folder = rig.sandbox.folderOf(leaseId);
  expect(processesWith(`sleep\0${30}${leaseId}\0`)).toEqual([]);
  expect(existsSync(`/sys/fs/cgroup/memory/punnet/${attemptMark(folder)}`)).toBe(false);
  expect(statSync(join(folder, 'log')).size).toBeLessThan(1.1 * 2 ** 20);
  expect(existsSync(`/tmp/punnet-escape-${leaseId}`)).toBe(false);
  expect(existsSync('/punnet-escape')).toBe(false);
  expect(readdirSync(rig.bundlePath)).toEqual(['bin']);
}

/** Processes with exactly this command line. */
function processesWith(commandLine: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8') === commandLine;
    } catch {
      return false;
    }
  });
}
