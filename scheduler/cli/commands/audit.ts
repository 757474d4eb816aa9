// punnet audit: who changed what, and when.
import type { Command } from 'commander';
import { ListAuditEntriesResponse } from '../../../proto/gen/punnet/v1/audit_service.ts';
import { allPages } from '../connection.ts';
import { safeText, table, timeText } from '../print.ts';
import type { Session } from '../session.ts';

/** Adds the `audit` command. */
export function addAuditCommand(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('audit')
    .description('operators: who changed what, the newest first')
    .option('--since <time>', "no older changes, such as '7 days'", '1 day')
    .addHelpText('after', "\nExample:\n  punnet audit --since '7 days' --output json")
    .action(async ({ since }: { since: string }) => {
      await session.connected(async (connection) => {
        const method = connection.audit.listAuditEntries.bind(connection.audit);
        const entries = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken, since }),
          (response) => response.entries,
        );
        const kind = { name: 'ListAuditEntriesResponse', codec: ListAuditEntriesResponse };
        await session.show(kind, { entries, nextPageToken: '' }, () => {
          if (entries.length === 0) return `nothing was changed in ${since}\n`;
          const rows = entries.map((entry) => [
            timeText(entry.unixMs),
            `${entry.role} ${safeText(entry.name)}`,
            entry.tokenId,
            entry.action,
            safeText(entry.target),
            entry.outcome,
          ]);
          return table(io, ['time', 'who', 'token', 'action', 'on', 'outcome'], rows);
        });
      });
    });
}
