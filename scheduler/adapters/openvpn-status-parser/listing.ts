// What has been read of a status so far, and which of its parts may follow.

import { ClientRows, RouteRows } from './rows.ts';
import type { OpenVpnClient, OpenVpnRoute } from './status.ts';
import { torn } from './status-error.ts';
import type { Table } from './table.ts';

/** In the order in which servers write them. */
export const parts = ['title', 'time', 'clients', 'routes', 'figures'] as const;
export type Part = (typeof parts)[number];

export class Listing {
  readonly clients: OpenVpnClient[] = [];
  readonly routes: OpenVpnRoute[] = [];
  #part: Part = 'title';
  #clientRows: ClientRows | null = null;
  #routeRows: RouteRows | null = null;
  readonly #lineOfClient = new Map<number, number>();

  get part(): Part {
    return this.#part;
  }

  /** Whether both lists were begun: they may be empty. */
  get isWhole(): boolean {
    return this.#routeRows !== null;
  }

  /** Parts come in order, each once: in a file that is being written over, the rest of the status
   * before follows what is new. */
  begin(part: Part, line: number): void {
    if (parts.indexOf(part) <= parts.indexOf(this.#part)) {
      const found = `the ${part}, behind the ${this.#part}`;
      throw torn({ line, wanted: 'each part once, in order', found });
    }
    this.#part = part;
  }

  hasHeader(): boolean {
    return (this.#part === 'routes' ? this.#routeRows : this.#clientRows) !== null;
  }

  /** The header of the list that was begun. */
  takeHeader(table: Table, line: number): void {
    if (this.#part === 'routes') this.#routeRows = new RouteRows(table, line);
    else this.#clientRows = new ClientRows(table, line);
  }

  addClient(values: readonly string[], line: number): void {
    const rows = this.#part === 'clients' ? this.#clientRows : null;
    if (rows === null) throw this.#stray('a client', line);
    const client = rows.read(values, line);
    const { clientId } = client;
    if (clientId !== null) {
      const before = this.#lineOfClient.get(clientId);
      if (before !== undefined) {
        const wanted = `another one than in line ${before}`;
        throw torn({ line, field: 'Client ID', wanted, found: String(clientId) });
      }
      this.#lineOfClient.set(clientId, line);
    }
    this.clients.push(client);
  }

  addRoute(values: readonly string[], line: number): void {
    const rows = this.#part === 'routes' ? this.#routeRows : null;
    if (rows === null) throw this.#stray('a route', line);
    this.routes.push(rows.read(values, line));
  }

  #stray(what: string, line: number): Error {
    return torn({
      line,
      wanted: 'each part once, in order',
      found: `${what} in the ${this.#part}`,
    });
  }
}
