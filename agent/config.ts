// The agent's flags. `node:util` reads them: a Pi needs no library for that.

import { parseArgs } from 'node:util';
import { AgentError } from './adapters/state/state-folder.ts';

export const version = '0.1.0';

export const usage = `punnet-agent: runs tasks of a Punnet federation on this node.

  punnet-agent install URL --token-file FILE [--dry-run]     all that is needed, as root; prints
                                                             its plan and what it costs first
  punnet-agent leave [--only-here]                           out of the federation: tasks end, keys
                                                             and all else of it are erased
  punnet-agent ssh yes | no                                  may the federation's operator reach ssh
                                                             here, through the tunnel? (no)
  punnet-agent doctor [--state DIR]                          what is wrong, and what to do about it
  punnet-agent enrol URL TOKEN [--state DIR] [--name NAME]   join a federation, and nothing else
  punnet-agent enrol URL --token-file FILE                   the same, where others see commands
  punnet-agent run [--state DIR]                             run tasks until stopped
  punnet-agent status [--state DIR]                          what it is and what it holds
  punnet-agent pause | resume [--state DIR]                  stop taking tasks, and go on
  punnet-agent limits [--lan RATE] [--uplink-share PART]     the limits in force, and their file; sets what it
                                                             may use of your LAN ("20 Mbit/s" or none), and
                                                             of your line (10%)
  punnet-agent limits --internet on | off                    may tasks reach the internet from here, and
                                                             nothing of your home? (off)
  punnet-agent limits --apt on | off                         as root: do apt's packages come through
                                                             the site, each over the line once? (off)
  punnet-agent household [CODE | none]                       that all Pis with this code are at one place

  --state DIR            where everything is kept (default /var/lib/punnet-agent)
  --name NAME            what the federation calls this node (default: the host name)
  --token-file FILE      where the token is, instead of TOKEN; - for stdin
  --only-here            of leave: this is a copy, the federation keeps the node
  --dry-run              of install: print the plan and stop
  --allow-unsandboxed    run tasks where the kernel refuses namespaces: for demos only
  --version, --help
`;

export interface Flags {
  readonly words: readonly string[];
  readonly stateFolder: string;
  readonly name: string | undefined;
  readonly tokenFile: string | undefined;
  readonly lan: string | undefined;
  readonly uplinkShare: string | undefined;
  /** on or off. */
  readonly internet: string | undefined;
  /** on or off, for root; a port or none, for the folder's own user. */
  readonly apt: string | undefined;
  readonly isDryRun: boolean;
  readonly isOnlyHere: boolean;
  readonly isUnsandboxedAllowed: boolean;
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
}

/** Reads the words after the program's name. Throws AgentError for what it doesn't know. */
export function readFlags(args: readonly string[]): Flags {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        state: { type: 'string', default: '/var/lib/punnet-agent' },
        name: { type: 'string' },
        'token-file': { type: 'string' },
        lan: { type: 'string' },
        'uplink-share': { type: 'string' },
        internet: { type: 'string' },
        'only-here': { type: 'boolean', default: false },
        apt: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        'allow-unsandboxed': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
      },
    });
    return {
      words: positionals,
      stateFolder: values.state,
      name: values.name,
      tokenFile: values['token-file'],
      lan: values.lan,
      uplinkShare: values['uplink-share'],
      internet: values.internet,
      apt: values.apt,
      isDryRun: values['dry-run'],
      isOnlyHere: values['only-here'],
      isUnsandboxedAllowed: values['allow-unsandboxed'],
      wantsHelp: values.help,
      wantsVersion: values.version,
    };
  } catch (error) {
    throw new AgentError(`${(error as Error).message}\n\n${usage}`);
  }
}
