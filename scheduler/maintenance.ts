// What `punnet-scheduler` does besides running: backup, restore, the overlay's files, and the
// configuration of a bus that somebody else runs.

import { Command } from 'commander';
import { backUp } from './adapters/backup/backup.ts';
import type { Counts } from './adapters/backup/contents.ts';
import { initOverlay } from './adapters/overlay/init-overlay.ts';
import { initialisedText } from './adapters/overlay/next-steps.ts';
import { writeNatsConfig } from './adapters/nats/nats-config.ts';
import { restore } from './adapters/backup/restore.ts';
import { port } from './config.ts';

const names = ['backup', 'restore', 'nats-config', 'overlay'];

/** Whether these words of the command line are for this file. */
export function isMaintenance([first = '']: readonly string[]): boolean {
  return names.includes(first);
}

/** Carries one command out. Mistakes in its words end the process with 2. */
export async function maintain(words: readonly string[]): Promise<void> {
  const program = new Command('punnet-scheduler').exitOverride((error) =>
    process.exit(error.exitCode === 0 ? 0 : 2),
  );
  program
    .command('backup <file>')
    .description('copy all that must survive into one tar, while the scheduler runs or not')
    .requiredOption('--data <folder>', 'the data folder')
    .addHelpText('after', '\nExample:\n  punnet-scheduler backup punnet.tar --data ./state')
    .action(async (file: string, { data }: { data: string }) => {
      const { counts, warnings } = await backUp(data, file, new Date());
      for (const warning of warnings) say(`note: ${warning}`);
      show(`backed up ${data} to ${file}, which holds the federation's secrets:`, counts, counts);
    });
  program
    .command('restore <file>')
    .description('make a new data folder of a backup, and check that it is whole')
    .requiredOption('--data <folder>', 'the new data folder')
    .addHelpText('after', '\nExample:\n  punnet-scheduler restore punnet.tar --data ./state2')
    .action(async (file: string, { data }: { data: string }) => {
      const { expected, contents } = await restore(file, data);
      show(`restored ${file} to ${data}:`, expected, contents.counts);
      say('whole. Start it there, and nowhere else: punnet-scheduler --data ' + data);
    });
  program
    .command('nats-config')
    .description('write what a nats-server that you run must have (see docs/nats.md)')
    .requiredOption('--data <folder>', 'the data folder, of a scheduler that runs or will run')
    .requiredOption('--host <name>', 'what agents call that server')
    .requiredOption('--to <folder>', 'where the files go, as the server will see them')
    .option('--port <port>', 'port of that server', '4222')
    .addHelpText(
      'after',
      '\nExample:\n  punnet-scheduler nats-config --data ./state --host nats.example.org --to /etc/punnet-nats',
    )
    .action(async (options: { data: string; host: string; to: string; port: string }) => {
      const { data: dataFolder, host, to: folder } = options;
      const port = Number(options.port);
      const file = await writeNatsConfig({ dataFolder, host, folder, port });
      say(`start it: nats-server -c ${file}`);
      say(`then: punnet-scheduler --data ${dataFolder} --nats-url tls://${host}:${port}`);
    });
  const overlay = program
    .command('overlay')
    .description('the network of tunnels through which the federation reaches its nodes');
  overlay
    .command('init')
    .description('write all that OpenVPN, nftables and systemd need; again, with another server')
    .requiredOption('--data <folder>', 'the data folder, of a scheduler that runs or will run')
    .option(
      '--prefix <prefix>',
      'IPv6 /48 of all its addresses (default: a random one of fd00::/8)',
    )
    .option('--server <name=host:port[/tcp]>', 'an OpenVPN server; repeat it for more', append)
    .option('--https-port <port>', "the scheduler's, which nodes may reach", port, 8443)
    .option('--probe-port <port>', "the scheduler's, which nodes may reach", port, 0)
    .addHelpText(
      'after',
      '\nExample:\n  punnet-scheduler overlay init --data ./state --server main=vpn.example.org:1194 --server tcp=vpn.example.org:443/tcp',
    )
    .action(async (options: InitWords) => {
      const { data: dataFolder, prefix, server: servers = [], httpsPort, probePort } = options;
      const made = await initOverlay({ dataFolder, prefix, servers, httpsPort, probePort });
      for (const line of initialisedText(made)) say(line);
    });
  await program.parseAsync([...words], { from: 'user' });
}

interface InitWords {
  readonly data: string;
  readonly prefix?: string;
  readonly server?: readonly string[];
  readonly httpsPort: number;
  readonly probePort: number;
}

function append(word: string, words: readonly string[] = []): readonly string[] {
  return [...words, word];
}

function show(title: string, expected: Counts, found: Counts): void {
  say(title);
  say('             expected       found');
  for (const [what, count] of Object.entries(expected)) {
    const here = String(Reflect.get(found, what));
    say(`${what.padEnd(9)}${String(count).padStart(12)}${here.padStart(12)}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
