// What an operator may set: flags of `punnet-scheduler`, checked once.

import { isIP } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import type { Policy } from './core/index.ts';
import { version } from './cli/version.ts';
import { defaultPolicy, policyMakers } from './core/index.ts';

export interface Config {
  /** Folder of all that must survive. */
  readonly dataFolder: string;
  /** Address to listen on. */
  readonly host: string;
  /** What clients and agents are told to connect to. */
  readonly publicName: string;
  /** 0: a free one, chosen at first start and kept. */
  readonly grpcPort: number;
  readonly httpsPort: number;
  readonly metricsPort: number;
  /** Where nodes measure their lines, by UDP. */
  readonly probePort: number;
  /** Of nats-servers that somebody else runs; empty: one of our own. */
  readonly natsUrls: readonly string[];
  readonly federation: string;
  /** Of an overlay that `overlay init` made; undefined: nodes need no tunnel. */
  readonly overlayFolder: string | undefined;
  /** How tasks are placed. */
  readonly policy: Policy;
  /** Whether jobs may ask for the internet. */
  readonly isInternetAllowed: boolean;
}

/** As they are typed. */
interface Flags {
  readonly data: string;
  readonly listen: string;
  readonly name: string;
  readonly grpcPort: number;
  readonly httpsPort: number;
  readonly metricsPort: number;
  readonly probePort: number;
  readonly natsUrl?: readonly string[];
  readonly overlay: string;
  readonly federation: string;
  readonly policy?: Policy;
  readonly internet: boolean;
}

/** Reads the flags. A mistake is told and ends the process with 2. */
export function readConfig(words: readonly string[]): Config {
  const program = new Command('punnet-scheduler')
    .description('The scheduler of a federation, with its own nats-server.')
    .version(version, '--version', 'the version of this program')
    .requiredOption('--data <folder>', 'where everything that must survive is kept')
    .option('--listen <address>', 'address of this machine to listen on', address, '127.0.0.1')
    .option('--name <host>', 'name that agents and the CLI reach it by', 'localhost')
    .option('--grpc-port <port>', 'port of the gRPC API; 0: a free one', port, 7443)
    .option('--https-port <port>', 'port of enrolment and blobs; 0: a free one', port, 8443)
    .option(
      '--metrics-port <port>',
      'port of /metrics, /healthz and /readyz, on this machine only; 0: a free one',
      port,
      9464,
    )
    .option(
      '--probe-port <port>',
      'port of measurements of lines, by UDP; 0: a free one, kept',
      port,
      0,
    )
    .option(
      '--nats-url <urls>',
      'a nats-server or a cluster that runs, instead of one of our own',
      urls,
    )
    .option(
      '--overlay <folder>',
      'nodes come by the tunnels of this overlay, made by `punnet overlay init`; none: directly',
      'none',
    )
    .option('--federation <name>', 'what the federation is called', 'punnet')
    .option(
      '--policy <name>',
      `how tasks are placed: ${names} (default: "${defaultPolicy.name}")`,
      policy,
    )
    .option('--internet', 'jobs may ask for the internet, on nodes whose owners allow it', false)
    .addHelpText(
      'after',
      '\nExamples:\n  punnet-scheduler --data ./state\n  punnet-scheduler backup --help\n  punnet-scheduler restore --help\n  punnet-scheduler nats-config --help\n  punnet-scheduler overlay init --help\n',
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(words, { from: 'user' });
  const flags = program.opts<Flags>();
  return {
    dataFolder: flags.data,
    host: flags.listen,
    publicName: flags.name,
    grpcPort: flags.grpcPort,
    httpsPort: flags.httpsPort,
    metricsPort: flags.metricsPort,
    probePort: flags.probePort,
    natsUrls: flags.natsUrl ?? [],
    overlayFolder: flags.overlay === 'none' ? undefined : flags.overlay,
    federation: flags.federation,
    policy: flags.policy ?? defaultPolicy,
    isInternetAllowed: flags.internet,
  };
}

/** Names are left to `--name`: which of their addresses would be meant here is nobody's guess. */
function address(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new InvalidArgumentError(
    'wanted an IP address of this machine, or 0.0.0.0 or :: for all; ports have flags of their own.',
  );
}

const names = [...policyMakers.keys()].join(', ');

function policy(name: string): Policy {
  const maker = policyMakers.get(name);
  if (maker !== undefined) return maker.make(maker.parameter?.value ?? 0);
  throw new InvalidArgumentError(`wanted one of ${names}.`);
}

/** Of a flag; 0: a free one. */
export function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('wanted a port, 0 to 65535.');
}

function urls(text: string): readonly string[] {
  const found = text.split(',');
  if (found.every((url) => /^tls:\/\/[^/,]+:\d+$/.test(url))) return found;
  throw new InvalidArgumentError('wanted tls://host:port, several parted by commas.');
}
