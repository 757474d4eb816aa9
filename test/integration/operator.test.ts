// An operator's changes on a real federation: nodes run empty, and every change is in the audit log,
// over restarts, without any secret.

import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Metadata } from '@grpc/grpc-js';
import { z } from 'zod';
import { BlobPart } from '../../proto/gen/punnet/v1/agent.ts';
import { NodeHealth } from '../../proto/gen/punnet/v1/node_service.ts';
import { TokenRole } from '../../proto/gen/punnet/v1/token_service.ts';
import { LightNode, enrolLight } from './light-node.ts';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one']);
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

const listed = z.object({
  entries: z.array(
    z.object({
      ...{ role: z.string(), name: z.string(), tokenId: z.string() },
      ...{ action: z.string(), target: z.string(), outcome: z.string() },
    }),
  ),
});

async function audit(): Promise<z.infer<typeof listed>['entries']> {
  const { out } = await rig.punnet('audit', '--output', 'json');
  return listed.parse(JSON.parse(out)).entries;
}

test('a drained node finishes what it runs, takes nothing more, and stays so over a restart', async () => {
  const script = 'sleep 2; echo done > out.txt';
  const file = rig.jobFile(script, { tasks: { count: 4 }, outputs: ['out.txt'] });
  const { jobId } = await rig.submit(file);
  await rig.untilJob(jobId, (job) => (job.counts?.running ?? 0) > 0);
  // At once; the command's process takes its time to start.
  const { nodes } = rig.connection;
  const node = { nodeId: rig.node('one').id, siteId: '' };
  await rig.connection.call(nodes.drainNode.bind(nodes), node);
  const drained = await rig.punnet('node', 'drain', 'one', '--wait');
  expect(drained).toMatchObject({ code: 0 });
  expect(drained.out).toMatch(/one +here +draining/);
  const { counts } = await rig.untilJob(jobId, () => true);
  expect(counts).toMatchObject({ running: 0, staging: 0, failed: 0 });
  expect(counts?.succeeded).toBeGreaterThanOrEqual(2);
  expect(counts?.waiting).toBeGreaterThan(0);
  await rig.scheduler.kill('SIGKILL');
  await rig.startScheduler();
  await rig.untilNode('one', (node) => node.status !== undefined);
  expect((await rig.punnet('nodes')).out).toContain('draining');
  expect((await rig.punnet('explain', jobId)).out).toContain('an operator lets the node run empty');
  expect((await rig.punnet('node', 'undrain', '--site', 'here')).code).toBe(0);
  await rig.untilSucceeded(jobId);
});

test('sites come from a table, a node is put to one of them, and what is seen decides again', async () => {
  const file = join(rig.folder, 'schools.csv');
  writeFileSync(
    file,
    'site,down,up,share\nschool-1,20 Mbit/s,5 Mbit/s,50%\nschool-2,8 Mbit/s,1 Mbit/s,\n',
  );
  expect((await rig.punnet('sites', 'import', file)).out).toBe('set 2 sites\n');
  expect((await rig.punnet('sites')).out).toMatch(
    /school-1 +0 +0 .*20 Mbit\/s +5 Mbit\/s +declared .* 50%/,
  );
  const moved = await rig.punnet('site', 'set-node', 'one', 'school-2');
  expect(moved.out).toMatch(/site +school-2\nknown by +an operator said so/);
  expect((await rig.punnet('site', 'school-2')).out).toMatch(/one +an operator said so/);
  const back = await rig.punnet('site', 'set-node', 'one', '--by-evidence');
  expect(back.out).toMatch(/site +here\nknown by +its token names this site/);
  const actions = (await audit()).map(({ action, target }) => `${action} ${target}`);
  expect(actions).toContain(`SiteService/SetNodeSite node ${rig.node('one').id}`);
  expect(actions.some((each) => each.startsWith('SiteService/ImportSites'))).toBe(true);
});

test('every change is in the audit log, with who, what and how it ended', async () => {
  const node = rig.node('one').id;
  const made = await rig.punnet('token', 'create', '--researcher', 'ada');
  expect(made.code).toBe(0);
  expect((await rig.punnet('site', 'set', 'here', '--share', '50%')).code).toBe(0);
  const trial = rig.jobFile('true', { tasks: { count: 1 } });
  expect((await rig.punnet('submit', trial, '--dry-run')).code).toBe(0);
  const { tokens } = rig.connection;
  const revoke = rig.connection.call(tokens.revokeToken.bind(tokens), { tokenId: 'tnone' });
  await expect(revoke).rejects.toThrow(/tnone/);
  const entries = await audit();
  const rows = entries.map(({ role, name, action, target, outcome }) =>
    [role, name, action, target, outcome].join(' | '),
  );
  expect(rows[0]).toBe('operator | operator | TokenService/RevokeToken | token tnone | NOT_FOUND');
  expect(rows[1]).toBe('operator | operator | SiteService/SetSite | site here | done');
  expect(rows[2]).toMatch(
    /^operator \| operator \| TokenService\/CreateToken \| token t\w+ \| done$/,
  );
  expect(rows).toContain(`operator | operator | NodeService/DrainNode | node ${node} | done`);
  expect(rows).toContain('operator | operator | NodeService/UndrainNode | site here | done');
  expect(rows).toContain(`node | one | EnrolNode | node ${node} | done`);
  expect(rows.some((row) => /SubmitJob \| job \w+ \| done/.test(row))).toBe(true);
  expect(rows.filter((row) => /List|Get|Watch|Try/.test(row))).toEqual([]);
  expect(entries.every(({ tokenId }) => tokenId !== '')).toBe(true);
  // The secret of the token that was just made, and of all others.
  const secret = /pnt_[0-9a-f]{32}/.exec(made.out + made.err)?.[0] ?? '?';
  const folder = join(rig.data, 'audit');
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  expect(made.out + made.err).toContain(secret);
  expect(text).not.toContain('pnt_');
});

/** What a researcher's calls say of who calls. */
async function asResearcher(name: string): Promise<Metadata> {
  const { tokens } = rig.connection;
  const wanted = { role: TokenRole.RESEARCHER, name, siteId: '', expiresIn: '', uses: 0 };
  const { secret } = await rig.connection.call(tokens.createToken.bind(tokens), wanted);
  const as = rig.connection.metadata.clone();
  as.set('authorization', `Bearer ${secret}`);
  return as;
}

test('operators see what nodes of a site exchange, and nobody else does', async () => {
  const { url, caPem, secret: token } = await rig.nodeToken({ site: 'school' });
  const node = await LightNode.connect(await enrolLight({ url, caPem, token, name: 'light' }));
  node.report();
  await rig.untilNode('light', ({ health }) => health === NodeHealth.HEALTHY);
  const part = { sha256: Buffer.alloc(32, 0xab), sizeBytes: 4_000_000, room: 1, isForeign: true };
  node.say({ blobParts: [BlobPart.fromPartial(part)] });
  await node.hears(({ chunkLeases }) => chunkLeases.length > 0);
  const shown = await rig.punnet('site', 'school');
  expect(shown.out).toMatch(/\nabababababab  4 MB  0% +0 of 1 +1 +1.00 times +-\n/);
  const json = await rig.punnet('site', 'school', '--output', 'json');
  expect(json.out).toContain('ab'.repeat(32));
  node.say({ blobParts: [BlobPart.fromPartial({ ...part, room: 0, isWhole: true })] });
  // It is counted among those that are whole until the next look finds that nobody wants it.
  await expect
    .poll(async () => (await rig.punnet('site', 'school')).out, { timeout: longTestMs })
    .not.toContain('abababababab');
  const as = await asResearcher('eve');
  const told = new Promise((resolve) => {
    rig.connection.sites.getSite({ siteId: 'school' }, as, (_, answer) => resolve(answer?.site));
  });
  expect(await told).toMatchObject({ siteId: 'school', nodes: 1, exchanges: [] });
  await node.connection.close();
  expect((await rig.punnet('node', 'revoke', 'light')).code).toBe(0);
  expect((await rig.punnet('site', 'school')).out).not.toContain('exchanged');
});

test('only operators read it', async () => {
  const as = await asResearcher('bob');
  const refused = new Promise((resolve) => {
    const request = { pageSize: 0, pageToken: '', since: '' };
    rig.connection.audit.listAuditEntries(request, as, (error) => resolve(error?.message));
  });
  expect(await refused).toContain("Only an operator's token may do this");
  expect((await rig.punnet('audit', '--since', 'yesterday')).err).toContain('wanted a time');
});

test('releases are signed with keys that the scheduler never sees, and nothing else is taken', async () => {
  const keys = join(rig.folder, 'keys');
  const release = (...words: readonly string[]) => rig.punnet('release', ...words, '--keys', keys);
  const early = await release('publish', 'maps', '1.0', '--from', rig.folder);
  expect(early).toMatchObject({ code: 2 });
  expect(early.err).toContain('no keys for releases yet: punnet release init');
  const passphrase = join(rig.folder, 'passphrase');
  writeFileSync(passphrase, 'correct horse\n');
  const locked = ['--passphrase-file', passphrase];
  expect((await release('init', ...locked)).code).toBe(0);
  expect((await release('init', ...locked)).err).toContain('has keys for releases already');
  const files = readdirSync(keys).map((name) => join(keys, name));
  expect(files).toHaveLength(2);
  for (const file of files) {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
  }
  const content = join(rig.folder, 'maps');
  mkdirSync(content);
  writeFileSync(join(content, 'map.txt'), 'here\n');
  const publish = ['publish', 'maps', '1.0', '--from', content] as const;
  expect((await release(...publish)).err).toContain('found one behind another passphrase');
  expect((await release(...publish, ...locked)).out).toMatch(
    /^published maps 1.0 \(all\): \d+ bytes/,
  );
  expect((await release(...publish, ...locked)).err).toContain(
    'is published: name another version',
  );
  expect((await release('publish', 'agent', '2', '--from', content, ...locked)).err).toContain(
    'wanted the file punnet-agent.cjs in it',
  );
  expect((await rig.punnet('release', 'list')).out).toMatch(/maps +1.0 +files +all +2.* kB/);
  expect((await rig.punnet('release', 'show', 'maps')).out).toMatch(
    /maps +1.0 +all +\d+ +[0-9a-f]{64}/,
  );
  expect(await rig.punnet('release', 'show', 'nothing')).toMatchObject({ code: 3 });
  const early2 = await rig.punnet('rollout', 'start', 'maps', '2.0');
  expect(early2).toMatchObject({ code: 3 });
  expect(early2.err).toContain('There is no release maps 2.0: see "punnet release list"');
  const started = await rig.punnet('rollout', 'start', 'maps', '1.0', '--bake', '10 min');
  expect(started.out).toMatch(
    /release +maps 1.0\nstate +running, ring 0 of 4, each well for 10 min/,
  );
  expect(started.out).toMatch(/0 +one of each model +activates +1 +1 +0 +0 +0 +0/);
  expect((await rig.punnet('rollout', 'start', 'maps', '1.0')).err).toContain(
    'punnet rollout abort maps',
  );
  expect((await rig.punnet('rollout', 'pause', '--all')).code).toBe(0);
  expect((await rig.punnet('rollout', 'status')).out).toMatch(/held +nodes are told nothing/);
  expect((await rig.punnet('rollout', 'resume', 'maps', '--all')).code).toBe(2);
  expect((await rig.punnet('rollout', 'abort', 'maps')).out).toMatch(/state +aborted/);
  // A root key that is new signs with the old one, and a new key for lists takes the old one's place.
  for (const words of [['root', '--replace'], ['targets', '--replace'], ['online']]) {
    expect(await release('add-key', ...words, ...locked)).toMatchObject({ code: 0 });
  }
  for (const file of files) rmSync(file);
  expect((await release('remove', 'maps', '1.0', ...locked)).code).toBe(0);
  expect((await rig.punnet('release', 'list')).out).toContain('no releases yet');
  await rig.scheduler.kill('SIGKILL');
  await rig.startScheduler();
  expect((await release('remove', 'maps', '1.0', ...locked)).code).toBe(3);
  expect((await audit()).map(({ action }) => action)).toContain('ReleaseService/PublishReleases');
});
