// The folder of the overlay, `<data>/overlay`: its plan, and what the scheduler keeps for OpenVPN
// while both run: a file for each node that may come in, and the list of those revoked.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Prefix } from '../../core/index.ts';
import { formatPrefix, lastSlice, parsePrefix } from '../../core/index.ts';
import { DataFolderError, readIfThere, syncFolder, writeDurably } from '../durable-file.ts';
import type { OverlayServer } from './openvpn-files.ts';
import { clientFile, managementSocketName } from './openvpn-files.ts';

export interface OverlayPlan {
  readonly prefix: Prefix;
  readonly servers: readonly OverlayServer[];
}

export const serverNameShape = /^[a-z][a-z0-9-]{0,30}$/;

const stored = z.object({
  prefix: z.string(),
  servers: z
    .array(
      z.object({
        name: z.string().regex(serverNameShape),
        slice: z.int().min(1).max(lastSlice),
        host: z.string().min(1),
        port: z.int().min(1).max(65_535),
        protocol: z.enum(['udp', 'tcp']),
      }),
    )
    .min(1),
});

export const planFileName = 'overlay.json';

/** The plan as it is stored: the same text for the same plan. */
export function planText({ prefix, servers }: OverlayPlan): string {
  // In the order that `stored` has.
  const plan = stored.parse({ prefix: formatPrefix(prefix), servers });
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** The plan in an overlay's folder; null: there is none. Throws a DataFolderError for a damaged one. */
export function readPlan(folder: string): OverlayPlan | null {
  const file = path.join(folder, planFileName);
  const text = readIfThere(file);
  if (text === null) return null;
  try {
    const { prefix, servers } = stored.parse(JSON.parse(text));
    const parsed = parsePrefix(prefix);
    if (parsed.kind === 'refused') throw new Error(parsed.reason);
    return { prefix: parsed.prefix, servers };
  } catch (error) {
    throw new DataFolderError(
      `${file} is damaged: restore it from a backup; nodes know these addresses`,
      { cause: error },
    );
  }
}

export interface Place {
  readonly nodeId: string;
  readonly nodeNumber: number;
  /** Of its own server. */
  readonly slice: number;
}

export class OverlayFolder {
  readonly plan: OverlayPlan;
  readonly #folder: string;

  private constructor(folder: string, plan: OverlayPlan) {
    this.#folder = folder;
    this.plan = plan;
  }

  /** Throws a DataFolderError when it was not made, or is damaged. */
  static open(folder: string): OverlayFolder {
    const plan = readPlan(folder);
    if (plan !== null) return new OverlayFolder(path.resolve(folder), plan);
    throw new DataFolderError(
      `--overlay ${folder}: wanted the folder of an overlay, found no overlay.json in it: make one (punnet-scheduler overlay init --help), or leave --overlay out`,
    );
  }

  /** The servers that a node may come to: its own, and the ones that are there for lack of UDP. */
  serversOf(slice: number): readonly OverlayServer[] {
    const { servers } = this.plan;
    const own = servers.filter((server) => server.slice === slice);
    return [...own, ...servers.filter(({ protocol }) => protocol === 'tcp')].filter(
      (server, place, all) => all.indexOf(server) === place,
    );
  }

  /** Where OpenVPN listens for the scheduler. */
  managementSocket({ name }: OverlayServer): string {
    return path.join(this.#folder, name, managementSocketName);
  }

  /** Lets a node in, durably. Doing it again changes nothing. */
  admit({ nodeId, nodeNumber, slice }: Place): void {
    for (const server of this.serversOf(slice)) {
      const file = path.join(this.#clients(server), nodeId);
      const text = clientFile(this.plan.prefix, server.slice, nodeNumber);
      if (readIfThere(file) !== text) writeDurably(file, text);
    }
  }

  /** Lets a node in no more, once its tunnel ends. */
  expel(nodeId: string): void {
    for (const server of this.plan.servers) {
      rmSync(path.join(this.#clients(server), nodeId), { force: true });
      syncFolder(this.#clients(server));
    }
  }

  /** Makes the folder say what is so: after a crash, or a backup that was restored. */
  reconcile(places: readonly Place[]): void {
    const admitted = new Set(places.map(({ nodeId }) => nodeId));
    for (const server of this.plan.servers) {
      const clients = this.#clients(server);
      mkdirSync(clients, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(clients)) {
        if (!admitted.has(name)) rmSync(path.join(clients, name), { force: true });
      }
    }
    for (const place of places) this.admit(place);
  }

  /** OpenVPN reads it again when somebody connects. */
  writeRevocationList(pem: string): void {
    writeDurably(path.join(this.#folder, 'crl.pem'), pem);
  }

  #clients({ name }: OverlayServer): string {
    return path.join(this.#folder, name, 'ccd');
  }
}
