// punnet rollout: a release goes to all nodes, ring by ring.
import type { Command } from 'commander';
import {
  ListRolloutsResponse,
  Rollout,
  RolloutChange,
  RolloutPhase,
} from '../../../proto/gen/punnet/v1/release_service.ts';
import type { Connection } from '../connection.ts';
import { badInput, CliError, exitCodes } from '../errors.ts';
import { rolloutsText } from '../print-rollouts.ts';
import type { Session } from '../session.ts';

const watchEveryMs = 2_000;
const clearScreen = '\u001b[H\u001b[J';
const kind = { name: 'Rollout', codec: Rollout };

/** Adds the `rollout` commands. */
export function addRolloutCommands(program: Command, session: Session): void {
  const rollout = program
    .command('rollout')
    .description('operators: bring a release to all nodes, ring by ring')
    .addHelpText('after', '\nExample:\n  punnet rollout status --watch');
  addStart(rollout, session);
  addStatus(rollout, session);
  addChange(rollout, session, {
    ...{ word: 'pause', change: RolloutChange.PAUSE, isHeld: true },
    purpose: 'no more nodes activate it; those that have go on',
  });
  addChange(rollout, session, {
    ...{ word: 'resume', change: RolloutChange.RESUME, isHeld: false },
    purpose: 'it goes on',
  });
  addChange(rollout, session, {
    ...{ word: 'abort', change: RolloutChange.ABORT, isHeld: null },
    purpose: 'nodes that have activated it go back',
  });
}

function addStart(rollout: Command, session: Session): void {
  rollout
    .command('start <name> <version>')
    .description('all nodes fetch it; ring after ring activates it, as long as all goes well')
    .option('--bake <time>', 'how long a ring must be well before the next (default 1 h)')
    .addHelpText('after', '\nExample:\n  punnet rollout start agent 0.2.0 --bake 6h')
    .action((name: string, version: string, { bake = '' }: { readonly bake?: string }) =>
      session.connected(async (connection) => {
        const method = connection.releases.startRollout.bind(connection.releases);
        const answer = await connection.call(method, { name, version, bake });
        await show(session, answer.rollout);
      }),
    );
}

function addStatus(rollout: Command, session: Session): void {
  rollout
    .command('status [name]')
    .description('how far each ring is, what was saved, and when it will be done')
    .option('--watch', 'until it has ended')
    .addHelpText('after', '\nExample:\n  punnet rollout status --watch')
    .action((name: string | undefined, { watch = false }: { readonly watch?: boolean }) =>
      session.connected(async (connection) => {
        if (watch && session.form !== 'table') throw badInput('--watch is for --output table only');
        const rollouts = await find(connection, name);
        const list = { name: 'ListRolloutsResponse', codec: ListRolloutsResponse };
        if (!watch) {
          return session.show(list, { rollouts }, () => rolloutsText(session.io, rollouts));
        }
        return watchRollouts(session, () => find(connection, name));
      }),
    );
}

/** Drawn over on a terminal; elsewhere told again when something has changed. */
async function watchRollouts(
  session: Session,
  look: () => Promise<readonly Rollout[]>,
): Promise<void> {
  const { io } = session;
  let shown = '';
  for (;;) {
    const rollouts = await look();
    const text = rolloutsText(io, rollouts);
    if (io.isTty) io.out(`${clearScreen}${text}`);
    else if (text !== shown) io.out(shown === '' ? text : `\n${text}`);
    shown = text;
    if (!rollouts.some(({ phase }) => isUnderWay(phase))) {
      const hasFailed = rollouts.some(({ phase }) => phase === RolloutPhase.FAILED);
      session.exitCode = hasFailed ? exitCodes.failed : exitCodes.ok;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, watchEveryMs));
  }
}

function isUnderWay(phase: RolloutPhase): boolean {
  return phase === RolloutPhase.RUNNING || phase === RolloutPhase.PAUSED;
}

interface Changing {
  readonly word: string;
  readonly change: RolloutChange;
  readonly purpose: string;
  /** What --all sets; null: there is none. */
  readonly isHeld: boolean | null;
}

function addChange(
  rollout: Command,
  session: Session,
  { word, change, purpose, isHeld }: Changing,
): void {
  const command = rollout
    .command(isHeld === null ? `${word} <name>` : `${word} [name]`)
    .description(purpose)
    .addHelpText('after', `\nExample:\n  punnet rollout ${word} agent`);
  if (isHeld !== null)
    command.option('--all', 'one flag for all rollouts that there are or will be');
  command.action((name: string | undefined, { all = false }: { readonly all?: boolean }) =>
    session.connected(async (connection) => {
      if (all === (name !== undefined)) {
        throw badInput(`wanted the name of a release, or --all, found ${all ? 'both' : 'neither'}`);
      }
      const { releases } = connection;
      if (name === undefined) {
        const request = { isHeld: isHeld === true };
        await connection.call(releases.holdRollouts.bind(releases), request);
        return;
      }
      const method = releases.changeRollout.bind(releases);
      await show(session, (await connection.call(method, { name, change })).rollout);
    }),
  );
}

async function show(session: Session, rollout: Rollout | undefined): Promise<void> {
  const shown = rollout ?? Rollout.fromPartial({});
  await session.show(kind, shown, () => rolloutsText(session.io, [shown]));
}

async function find(connection: Connection, name: string | undefined): Promise<Rollout[]> {
  const method = connection.releases.listRollouts.bind(connection.releases);
  const { rollouts } = await connection.call(method, {});
  const found = rollouts.filter((each) => name === undefined || each.name === name);
  if (found.length > 0 || name === undefined) return found;
  throw new CliError(
    `there is no rollout of ${name}: see "punnet rollout status"`,
    exitCodes.notFound,
  );
}
