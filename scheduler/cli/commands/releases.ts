// punnet release: what may be installed on nodes. All that is signed is signed here, with keys that the
// scheduler never sees.
import path from 'node:path';
import type { Command } from 'commander';
import { GetReleasesResponse } from '../../../proto/gen/punnet/v1/release_service.ts';
import { releaseNameForm, releaseVersionForm } from '../../../proto/release-target.ts';
import { configFolder, findContext } from '../context.ts';
import type { Connection } from '../connection.ts';
import { badInput, CliError, exitCodes } from '../errors.ts';
import { releasesText, releaseText } from '../print-releases.ts';
import type { KeyFolder } from '../release-keys.ts';
import type { Session } from '../session.ts';

interface KeyOptions {
  readonly keys?: string;
  readonly passphraseFile?: string;
}

/** Adds the `release` commands. */
export function addReleaseCommands(program: Command, session: Session): void {
  const release = program
    .command('release')
    .description('operators: what may be installed on nodes')
    .addHelpText('after', '\nExample:\n  punnet release publish agent 0.2.0 --from dist/agent');
  addInit(release, session);
  addAddKey(release, session);
  addPublish(release, session);
  addRemove(release, session);
  addListing(release, session);
}

function addInit(release: Command, session: Session): void {
  withKeys(release.command('init'))
    .description('make the keys that sign releases, once for a federation')
    .addHelpText('after', '\nExample:\n  punnet release init --keys /media/stick')
    .action((options: KeyOptions) =>
      session.connected(async (connection) => {
        const { makeOfflineKey } = await import('../release-keys.ts');
        const { onlineKeyOf, signFirst } = await import('../release-signing.ts');
        const found = await releasesOf(connection);
        if (found.rootJson.length > 0) {
          throw badInput(
            'this federation has keys for releases already: punnet release add-key adds more of them',
          );
        }
        const folder = await keyFolder(session, options);
        const root = await makeOfflineKey(folder, 'root');
        const targets = await makeOfflineKey(folder, 'targets');
        const keys = { root: root.key, targets: targets.key };
        const online = onlineKeyOf(found);
        await publish(connection, signFirst(keys, { online, nowMs: session.io.now() }));
        const files = { rootKey: root.file, targetsKey: targets.file };
        await session.showValue(files, () => `${root.file}\n${targets.file}\n`);
        session.io.err(
          'keep both, and copies: without the first nobody can replace the second, and with both anybody can install anything on all nodes; the first is needed for new keys only, so put it away\n',
        );
      }),
    );
}

function addAddKey(release: Command, session: Session): void {
  withKeys(release.command('add-key <role>'))
    .description('one more key for root or targets, or the new key of a scheduler (online)')
    .option('--replace', 'in place of those that there are: they sign nothing any more')
    .addHelpText('after', '\nExample:\n  punnet release add-key targets --replace')
    .action((role: string, options: KeyOptions & { readonly replace?: boolean }) =>
      session.connected(async (connection) => {
        if (role !== 'root' && role !== 'targets' && role !== 'online') {
          throw badInput(`wanted root, targets or online, found ${role}`);
        }
        const { makeOfflineKey } = await import('../release-keys.ts');
        const { onlineKeyOf, signNewKey } = await import('../release-signing.ts');
        const folder = await keyFolder(session, options);
        const { response, published } = await mustBePublished(connection);
        const isAlone = options.replace === true;
        const how = { folder, nowMs: session.io.now() };
        if (role === 'online') {
          const key = onlineKeyOf(response);
          const added = { role, key, signing: null, isAlone: true } as const;
          return publish(connection, signNewKey(published, added, how));
        }
        const { key, file } = await makeOfflineKey(folder, role);
        const added = { role, key: key.key, signing: key, isAlone } as const;
        await publish(connection, signNewKey(published, added, how));
        return session.showValue({ key: file }, () => `${file}\n`);
      }),
    );
}

interface PublishOptions extends KeyOptions {
  readonly from: string;
  readonly architecture: string;
  readonly hook?: string;
}

function addPublish(release: Command, session: Session): void {
  withKeys(release.command('publish <name> <version>'))
    .description('send a folder, or a tar that is not compressed, and put it on the list')
    .requiredOption('--from <path>', 'the folder or the tar')
    .option('--architecture <name>', 'for nodes of this one only, such as armv6l', 'all')
    .option('--hook <path>', 'in the folder: what a node runs after a change')
    .addHelpText(
      'after',
      '\nThe release "agent" replaces the agent itself: its folder holds punnet-agent.cjs.\nExample:\n  punnet release publish agent 0.2.0 --from dist/agent',
    )
    .action((name: string, version: string, options: PublishOptions) => {
      if (!releaseNameForm.test(name)) {
        throw badInput(`wanted a name of a to z, 0 to 9 and -, up to 40, found "${name}"`);
      }
      if (!releaseVersionForm.test(version)) {
        throw badInput(`wanted a version such as 1.2.0, found "${version}"`);
      }
      return session.connected(async (connection) => {
        const { sendRelease } = await import('../send-release.ts');
        const { signList } = await import('../release-signing.ts');
        const folder = await keyFolder(session, options);
        const { published } = await mustBePublished(connection);
        const { from, architecture, hook = '' } = options;
        const isThere = published.releases.some(
          (each) =>
            each.name === name && each.version === version && each.architecture === architecture,
        );
        if (isThere) {
          throw badInput(
            `${name} ${version} for ${architecture} is published: name another version`,
          );
        }
        const serial = published.targetsVersion + 1;
        const target = await sendRelease(
          { connection, io: session.io },
          { name, version, architecture, hook, from, serial },
        );
        const how = { folder, nowMs: session.io.now() };
        await publish(connection, signList(published, [...published.releases, target], how));
        const { sha256, sizeBytes } = target;
        const said = `published ${name} ${version} (${architecture}): ${sizeBytes} bytes, ${sha256}\n`;
        await session.showValue({ name, version, architecture, sha256, sizeBytes }, () => said);
      });
    });
}

function addRemove(release: Command, session: Session): void {
  withKeys(release.command('remove <name> <version>'))
    .description('take a version off the list: no node installs it any more')
    .addHelpText('after', '\nExample:\n  punnet release remove agent 0.1.0')
    .action((name: string, version: string, options: KeyOptions) =>
      session.connected(async (connection) => {
        const { signList } = await import('../release-signing.ts');
        const folder = await keyFolder(session, options);
        const { published } = await mustBePublished(connection);
        const kept = published.releases.filter(
          (each) => each.name !== name || each.version !== version,
        );
        if (kept.length === published.releases.length) throw noRelease(name, version);
        const how = { folder, nowMs: session.io.now() };
        await publish(connection, signList(published, kept, how));
      }),
    );
}

function addListing(release: Command, session: Session): void {
  const kind = { name: 'GetReleasesResponse', codec: GetReleasesResponse };
  release
    .command('list')
    .description('all releases')
    .addHelpText('after', '\nExample:\n  punnet release list')
    .action(() =>
      session.connected(async (connection) => {
        const found = await releasesOf(connection);
        await session.show(kind, found, () => releasesText(session.io, found.files));
      }),
    );
  release
    .command('show <name> [version]')
    .description('the files of a release')
    .addHelpText('after', '\nExample:\n  punnet release show agent 0.2.0')
    .action((name: string, version: string | undefined) =>
      session.connected(async (connection) => {
        const found = await releasesOf(connection);
        const files = found.files.filter(
          (each) => each.name === name && (version === undefined || each.version === version),
        );
        if (files.length === 0) throw noRelease(name, version);
        await session.show(kind, { ...found, files }, () => releaseText(session.io, files));
      }),
    );
}

function withKeys(command: Command): Command {
  return command
    .option('--keys <dir>', 'where the keys are (default: beside the contexts)')
    .option('--passphrase-file <file>', 'its first line locks and opens the keys');
}

async function keyFolder(session: Session, options: KeyOptions): Promise<KeyFolder> {
  const { readPassphrase } = await import('../release-keys.ts');
  const { env } = session.io;
  const { name } = await findContext(env, session.contextOption);
  const folder = options.keys ?? path.join(configFolder(env), 'releases', name);
  return { folder, passphrase: readPassphrase(options.passphraseFile) };
}

function releasesOf(connection: Connection): Promise<GetReleasesResponse> {
  return connection.call(connection.releases.getReleases.bind(connection.releases), {});
}

async function mustBePublished(connection: Connection) {
  const { readPublished } = await import('../release-signing.ts');
  const response = await releasesOf(connection);
  const published = readPublished(response);
  if (published !== null) return { response, published };
  throw badInput('this federation has no keys for releases yet: punnet release init');
}

async function publish(
  connection: Connection,
  signed: { readonly rootsJson: Buffer[]; readonly targetsJson: Buffer },
): Promise<void> {
  await connection.call(connection.releases.publishReleases.bind(connection.releases), signed);
}

function noRelease(name: string, version = ''): CliError {
  const what = `there is no release ${`${name} ${version}`.trim()}: see "punnet release list"`;
  return new CliError(what, exitCodes.notFound);
}
