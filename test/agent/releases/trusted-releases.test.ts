// Which releases a node believes: only the newest list that the operator's keys signed, whatever whoever
// stands between says, and whatever this node's clock says.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import { makeSnapshot, makeTargets, makeTimestamp } from '../../../scheduler/releases/metadata.ts';
import type { SigningKey } from '../../../scheduler/releases/signing-key.ts';
import { readKeyPem } from '../../../scheduler/releases/signing-key.ts';
import { dayMs, newKey, release, ReleaseRig, temporaryFolder } from './release-rig.ts';

let rig: ReleaseRig;
beforeEach(async () => {
  rig = new ReleaseRig();
  await rig.init();
});

describe('what is published', () => {
  test('is seen, at first and when there is more', async () => {
    expect(await rig.versions()).toEqual([]);
    await rig.publish(release('1.0.0'));
    expect(await rig.versions()).toEqual(['1.0.0']);
    await rig.publish(release('1.0.0'), release('1.1.0', { serial: 3 }));
    expect(await rig.versions()).toEqual(['1.0.0', '1.1.0']);
  });

  test('costs two questions where nothing has changed', async () => {
    await rig.publish(release('1.0.0'));
    await rig.versions();
    rig.asked.length = 0;
    await rig.versions();
    expect(rig.asked).toEqual(['2.root.json', 'timestamp.json']);
  });

  test('is seen by a scheduler and a node that were started again', async () => {
    const folder = temporaryFolder();
    await rig.publish(release('1.0.0'));
    await rig.versions(rig.newNode(folder));
    rig.repository = rig.reopen();
    expect(await rig.versions(rig.newNode(folder))).toEqual(['1.0.0']);
  });

  test('and is of a kind that this agent does not know, is passed over', async () => {
    const later = { ...release('2.0.0'), kind: 'image' as 'agent' };
    serve(rig, [release('1.0.0'), later], rig.targetsKeys);
    expect(await rig.versions()).toEqual(['1.0.0']);
  });
});

/** A node knows a list, and two hours have passed. */
async function knowOne(): Promise<void> {
  await rig.publish(release('1.0.0'));
  await rig.versions();
  rig.nowMs += 2 * 3_600_000;
  rig.nodeMs = rig.nowMs;
}

describe('a list is refused', () => {
  beforeEach(knowOne);

  test('that another key signed', async () => {
    const list = rig.list([release('6.6.6')], [newKey()]);
    await expect(rig.repository.take({ roots: [], targets: list })).resolves.toContain(
      'targets was signed by 0/1 keys',
    );
  });

  test('that the scheduler signed itself, though its key signs all else', async () => {
    serve(rig, [release('6.6.6')], [onlineKeyOf(rig)]);
    expect(await rig.refusal()).toEqual({
      code: 'signature',
      message:
        "The federation's list of releases is not signed by its keys: targets was signed by 0/1 keys. Nothing new is installed; what is installed goes on.",
    });
  });

  test('with a timestamp of another key', async () => {
    const snapshot = { version: 1, bytes: Buffer.from('{}') };
    const keys = [newKey()];
    const timestamp = makeTimestamp(snapshot, { version: 9e9, nowMs: rig.nowMs, keys });
    rig.changed.set('timestamp.json', timestamp);
    expect((await rig.refusal()).code).toBe('signature');
  });
});

describe('metadata are refused', () => {
  beforeEach(knowOne);

  test('when the timestamp is one that was replaced', async () => {
    const old = rig.serving('timestamp.json');
    rig.nowMs += dayMs;
    await rig.publish(release('1.1.0', { serial: 3 }));
    await rig.versions();
    rig.changed.set('timestamp.json', old);
    expect(await rig.refusal()).toMatchObject({
      code: 'rollback',
      message: expect.stringContaining('is older than what was seen here: New timestamp version'),
    });
  });

  test('when the timestamp stands still for longer than it holds', async () => {
    rig.changed.set('timestamp.json', rig.serving('timestamp.json'));
    rig.nodeMs += 6 * dayMs;
    expect(await rig.versions()).toEqual(['1.0.0']);
    rig.nodeMs += 2 * dayMs;
    expect(await rig.refusal()).toMatchObject({
      code: 'expired',
      message: expect.stringMatching(
        /too old to be believed: Final timestamp.json is expired \(here it is 2026-11-09.* at least\)\. Nothing new/,
      ),
    });
    rig.changed.clear();
    rig.nowMs = rig.nodeMs;
    expect(await rig.versions()).toEqual(['1.0.0']);
  });

  test.each(['snapshot', 'targets'])('with a %s of another list', async (role) => {
    const name = (list: number): string =>
      role === 'targets' ? `${list}.targets.json` : `${snapshotVersion(rig)}.snapshot.json`;
    const old = rig.serving(name(2));
    rig.nowMs += dayMs;
    await rig.publish(release('1.1.0', { serial: 3 }));
    rig.changed.set(name(3), old);
    expect((await rig.refusal()).code).toBe('mix');
    rig.changed.clear();
    expect(await rig.versions()).toEqual(['1.1.0']);
  });

  test('with a file that is not there, or is no JSON', async () => {
    await rig.publish(release('1.1.0', { serial: 3 }));
    rig.changed.set('3.targets.json', null);
    expect(await rig.refusal()).toMatchObject({ code: 'mix' });
    rig.changed.set('timestamp.json', Buffer.from('<html>'));
    expect(await rig.refusal()).toMatchObject({ code: 'damaged' });
  });
});

describe('a clock in 1970', () => {
  test('is not believed: what was signed last is a floor, also after a start', async () => {
    const folder = temporaryFolder();
    rig.nodeMs = 0;
    await rig.publish(release('1.0.0'));
    expect(await rig.versions(rig.newNode(folder))).toEqual(['1.0.0']);
    const old = rig.serving('timestamp.json');
    rig.nowMs += 30 * dayMs;
    expect(await rig.versions(rig.newNode(folder))).toEqual(['1.0.0']);
    // Who has the old timestamp has a node that saw nothing newer only where its clock is wrong as well.
    rig.changed.set('timestamp.json', old);
    expect((await rig.refusal(rig.newNode(folder))).code).toBe('rollback');
  });

  test('goes on from the floor, so that a list that stands still gets too old', async () => {
    rig.nodeMs = 0;
    const node = rig.newNode();
    await rig.versions(node);
    rig.changed.set('timestamp.json', rig.serving('timestamp.json'));
    rig.nodeMs = 8 * dayMs;
    expect(await rig.refusal(node)).toMatchObject({ code: 'expired' });
  });
});

describe('a root', () => {
  beforeEach(async () => {
    await rig.publish(release('1.0.0'));
    await rig.versions();
  });

  test('with new keys for all is believed by nodes that know the old one', async () => {
    const [oldRoot, oldTargets] = [rig.rootKeys, rig.targetsKeys];
    rig.rootKeys = [newKey()];
    rig.targetsKeys = [newKey()];
    const roots = [rig.root(oldRoot)];
    await rig.repository.take({ roots, targets: rig.list([release('1.1.0', { serial: 3 })]) });
    expect(await rig.versions()).toEqual(['1.1.0']);
    expect(await rig.versions(rig.newNode())).toEqual(['1.1.0']);
    const stolen = rig.list([release('6.6.6')], oldTargets);
    await expect(rig.repository.take({ roots: [], targets: stolen })).resolves.toContain(
      '0/1 keys',
    );
    serve(rig, [release('6.6.6')], oldTargets);
    expect((await rig.refusal()).code).toBe('signature');
  });

  test('that the old keys did not sign is refused there and here', async () => {
    rig.rootKeys = [newKey()];
    const root = rig.root();
    await expect(rig.repository.take({ roots: [root], targets: null })).resolves.toContain(
      'root was signed by 0/1 keys',
    );
    rig.changed.set('2.root.json', root);
    expect((await rig.refusal()).code).toBe('signature');
  });

  test('is needed with each new list whose keys are new', async () => {
    const oldTargets = rig.targetsKeys;
    rig.targetsKeys = [newKey()];
    const roots = [rig.root()];
    await expect(rig.repository.take({ roots, targets: null })).resolves.toContain('0/1 keys');
    expect(rig.repository.publicFile('2.root.json')).toBeUndefined();
    rig.targetsKeys = oldTargets;
    expect(await rig.versions()).toEqual(['1.0.0']);
  });

  test('whose list was not written before the end of the scheduler leaves the one before', async () => {
    const other = makeTargets([], { version: 3, nowMs: rig.nowMs, keys: [newKey()] });
    writeFileSync(join(rig.folder, 'releases/3.targets.json'), other);
    rig.repository = rig.reopen();
    expect(rig.repository.releases.map(({ version }) => version)).toEqual(['1.0.0']);
  });
});

describe('the scheduler takes no list', () => {
  test.each<readonly [string, Parameters<typeof release>[1], string]>([
    ['whose blob it lacks', { sha256: '00'.repeat(32) }, 'wanted blob 0000'],
    [
      'whose index has another size',
      { indexSha256: '00'.repeat(32), sizeBytes: 1_000 },
      'of 200 bytes here, found 0',
    ],
    ['with a name that leads elsewhere', { name: '../x' }, 'wanted NAME/VERSION/ARCHITECTURE.tar'],
    ['with an agent of another name', { name: 'other' }, 'is of the kind agent'],
    ['with a hook outside', { hook: '../../bin/sh' }, "wanted a hook's path inside"],
    ['with a serial that counts nothing', { serial: 0 }, 'as whole numbers from 1'],
  ])('%s', async (_, changes, words) => {
    await expect(rig.publish(release('1.0.0', changes))).resolves.toContain(words);
    expect(await rig.versions()).toEqual([]);
  });

  test('that is not the next one, or before there is a root', async () => {
    rig.list([]);
    await expect(rig.publish()).resolves.toContain('wanted version 2, found 3');
    const empty = new ReleaseRig();
    await expect(empty.publish()).resolves.toContain('there is no root.json yet');
  });

  test('of too many bytes', async () => {
    const targets = Buffer.alloc(1_000_001);
    await expect(rig.repository.take({ roots: [], targets })).resolves.toContain(
      'wanted metadata of at most 1000000 bytes, found 1000001',
    );
  });

  test('from a root that lets its own key sign lists', async () => {
    rig.targetsKeys = [onlineKeyOf(rig)];
    const root = rig.root();
    await expect(rig.repository.take({ roots: [root], targets: rig.list([]) })).resolves.toContain(
      "the scheduler's key may never sign",
    );
  });
});

function snapshotVersion(rig: ReleaseRig): number {
  const { signed } = JSON.parse(String(rig.serving('timestamp.json'))) as {
    readonly signed: { readonly meta: Record<string, { readonly version: number }> };
  };
  return signed.meta['snapshot.json']?.version ?? 0;
}

function onlineKeyOf({ folder }: ReleaseRig): SigningKey {
  return readKeyPem(readFileSync(join(folder, 'releases/online.key'), 'utf8'), 'online.key');
}

/** What a scheduler that was broken into can do: sign with its own key, and serve what it likes. */
function serve(
  rig: ReleaseRig,
  list: readonly ReleaseTarget[],
  signers: readonly SigningKey[],
): void {
  const { nowMs } = rig;
  const keys = [onlineKeyOf(rig)];
  const version = Math.floor(nowMs / 1000) + 99;
  const targets = makeTargets(list, { version: 99, nowMs, keys: signers });
  const snapshot = makeSnapshot({ version: 99, bytes: targets }, { version, nowMs, keys });
  const timestamp = makeTimestamp({ version, bytes: snapshot }, { version, nowMs, keys });
  rig.changed.set('99.targets.json', targets);
  rig.changed.set(`${version}.snapshot.json`, snapshot);
  rig.changed.set('timestamp.json', timestamp);
}
