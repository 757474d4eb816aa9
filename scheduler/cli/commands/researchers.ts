// punnet shares and punnet researcher: who had what of the federation, and what operators allow.
import { InvalidArgumentError, type Command } from 'commander';
import {
  ListSharesResponse,
  SetResearcherRequest,
  Share,
} from '../../../proto/gen/punnet/v1/researcher_service.ts';
import { allPages } from '../connection.ts';
import { badInput } from '../errors.ts';
import { sharesText } from '../print-shares.ts';
import type { Session } from '../session.ts';

interface SetOptions {
  readonly weight?: number;
  readonly maxTasks?: number;
  readonly maxWaiting?: number;
}

/** Adds the `shares` and `researcher` commands. */
export function addResearcherCommands(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('shares')
    .description('who had what of the federation, and who is next')
    .addHelpText('after', '\nExample:\n  punnet shares')
    .action(async () => {
      await session.connected(async (connection) => {
        const method = connection.researchers.listShares.bind(connection.researchers);
        const shares = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken }),
          (response) => response.shares,
        );
        const kind = { name: 'ListSharesResponse', codec: ListSharesResponse };
        await session.show(kind, { shares, nextPageToken: '' }, () => sharesText(io, shares));
      });
    });
  program
    .command('researcher')
    .description('operators: the weight and the bounds of a researcher')
    .addHelpText('after', '\nExample:\n  punnet researcher set ada --weight 2')
    .command('set <researcher>')
    .description('change what is named; the rest stays')
    .option('--weight <number>', 'twice the weight, twice the share (default 1)', amount)
    .option('--max-tasks <count>', 'tasks on nodes at a time; 0: no bound', bound)
    .option('--max-waiting <count>', 'waiting tasks at a time; 0: no bound', bound)
    .addHelpText('after', '\nExample:\n  punnet researcher set ada --weight 2 --max-tasks 200')
    .action(async (name: string, options: SetOptions) => {
      if (Object.keys(options).length === 0) {
        throw badInput('wanted what to set: --weight, --max-tasks or --max-waiting, found none');
      }
      await session.connected(async (connection) => {
        const method = connection.researchers.setResearcher.bind(connection.researchers);
        const request: SetResearcherRequest = {
          name,
          weight: options.weight,
          maxLeases: options.maxTasks,
          maxWaitingTasks: options.maxWaiting,
        };
        const { researcher } = await connection.call(method, request);
        const shown = researcher ?? Share.fromPartial({ name });
        const kind = { name: 'Share', codec: Share };
        await session.show(kind, shown, () => sharesText(io, [shown]));
      });
    });
}

function amount(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new InvalidArgumentError('wanted a number, 0 or more.');
}

/** More than nine digits bound nothing. */
function bound(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('wanted a whole number, 0 to 999999999.');
}
