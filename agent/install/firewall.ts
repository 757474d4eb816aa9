// The firewall of the tunnel, which is root's: what the kernel has of it, and ssh through it by the
// owner's word.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { AgentError } from '../adapters/state/state-folder.ts';
import type { FirewallReading } from './doctor.ts';

/** The tunnel's, as the profile names it. */
const device = 'punnet';
const table = ['inet', 'punnet_agent'] as const;
/** What load-firewall.sh looks for. */
const allowSshFile = '/etc/punnet-agent/allow-ssh';
const sshPort = '22';

/** As root. */
export function readFirewall(): FirewallReading {
  const chains = ['input', 'forward'].map((chain) => nft('list', 'chain', ...table, chain));
  const open = nft('list', 'set', ...table, 'open');
  return {
    isLoaded: [...chains, open].every((text) => text !== null),
    isTunnelUp: device in networkInterfaces(),
    isSshOpen: /elements = \{[^}]*\b22\b/.test(open ?? ''),
    isSshAllowed: existsSync(allowSshFile),
  };
}

/**
 * Lets ssh in through the tunnel, or not: the owner's word, which the agent can't change. Throws AgentError
 * where it does not hold; the word is kept all the same, and holds from the firewall's next start.
 */
export function setSsh(word: string | undefined, print: (line: string) => unknown): number {
  if (word !== 'yes' && word !== 'no') throw new AgentError('ssh wants yes or no.');
  if (process.getuid?.() !== 0) throw new AgentError('Only root decides that: use sudo.');
  const isAllowed = word === 'yes';
  if (isAllowed) {
    mkdirSync(dirname(allowSshFile), { recursive: true });
    writeFileSync(allowSshFile, '');
  } else rmSync(allowSshFile, { force: true });
  if (isAllowed) nft('add', 'element', ...table, 'open', `{ ${sshPort} }`);
  else nft('flush', 'set', ...table, 'open');
  check(readFirewall(), isAllowed);
  print(
    isAllowed
      ? 'The operator of the federation can reach ssh on this machine; it asks for a password or key as ever.'
      : 'Nobody reaches ssh on this machine through the tunnel, and sessions that were open are cut off.',
  );
  return 0;
}

function check({ isLoaded, isTunnelUp, isSshOpen }: FirewallReading, isAllowed: boolean): void {
  // Without a tunnel there is no way in; the firewall comes before it.
  if (!isTunnelUp || (isLoaded && isSshOpen === isAllowed)) return;
  const found = isLoaded ? 'that the kernel did not take it' : 'that its firewall is not loaded';
  throw new AgentError(
    `Wanted ssh through the tunnel to be ${isAllowed ? 'open' : 'closed'}, found ${found}: sudo systemctl restart punnet-firewall, then sudo punnet-agent doctor. Until then all of this machine's ports may be reached from the tunnel; sudo systemctl stop punnet-overlay ends it.`,
  );
}

/** What it said; null: it failed. */
function nft(...words: readonly string[]): string | null {
  const { status, stdout } = spawnSync('nft', words, { encoding: 'utf8' });
  return status === 0 ? stdout : null;
}
