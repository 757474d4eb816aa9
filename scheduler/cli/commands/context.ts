// punnet context: which scheduler this user speaks to.
import type { Command } from 'commander';
import {
  addContext,
  currentName,
  findContext,
  listContexts,
  readContextFile,
  readStored,
  useContext,
} from '../context.ts';
import { facts, table } from '../print.ts';
import type { Session } from '../session.ts';

/** Adds the `context` commands. */
export function addContextCommands(program: Command, session: Session): void {
  const { io } = session;
  const context = program
    .command('context')
    .description('which scheduler, and as whom')
    .addHelpText('after', '\nExample:\n  punnet context add alice.context');
  context
    .command('add <file>')
    .description('keep a context file that an operator gave you')
    .addHelpText('after', '\nExample:\n  punnet context add alice.context')
    .action(async (file: string) => {
      const added = await readContextFile(file);
      const isCurrent = await addContext(io.env, added);
      const use = `"punnet context use ${added.name}" makes it the current one`;
      const hint = isCurrent ? 'it is the current one' : use;
      await session.showValue(
        { name: added.name, endpoint: added.endpoint, isCurrent },
        () => `added context ${added.name} (${added.endpoint}): ${hint}\n`,
      );
    });
  context
    .command('list')
    .description('the contexts that are kept')
    .addHelpText('after', '\nExample:\n  punnet context list')
    .action(async () => {
      const current = await currentName(io.env);
      const found = [];
      for (const name of await listContexts(io.env)) {
        const { endpoint } = await readStored(io.env, name);
        found.push({ name, endpoint, isCurrent: name === current });
      }
      const rows = found.map((c) => [c.isCurrent ? '*' : ' ', c.name, c.endpoint]);
      await session.showValue(found, () =>
        rows.length === 0
          ? 'no contexts: "punnet context add FILE"\n'
          : table(io, [' ', 'name', 'endpoint'], rows),
      );
    });
  context
    .command('use <name>')
    .description('make a kept context the current one')
    .addHelpText('after', '\nExample:\n  punnet context use alice')
    .action(async (name: string) => {
      await useContext(io.env, name);
      await session.showValue({ name }, () => `now using context ${name}\n`);
    });
  context
    .command('show')
    .description('the context in use (without its token)')
    .addHelpText('after', '\nExample:\n  punnet context show')
    .action(async () => {
      const { name, endpoint } = await findContext(io.env, session.contextOption);
      await session.showValue({ name, endpoint }, () =>
        facts(io, [
          ['name', name],
          ['endpoint', endpoint],
        ]),
      );
    });
}
