// The tunnel's unit as it is shipped: OpenVPN comes up as the agent's user, with one right and behind the
// firewall, on a machine made of namespaces. The other end is a real OpenVPN there.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openPki } from '../../scheduler/adapters/pki/pki.ts';
import { longTestMs } from '../integration/program.ts';
import { until } from '../integration/rig.ts';
import { buildDebs, run } from './debs.ts';
import { SystemdMachine } from './systemd-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-overlay-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const overlay = '/var/lib/punnet-agent/overlay';
const profile = `tls-client
dev punnet
dev-type tun
proto udp4
nobind
remote 127.0.0.1 1194
ca ca.pem
cert node.crt
key key.pem
tls-crypt tls-crypt.key
ifconfig-ipv6 fd00::2/64 fd00::1
verb 3
`;

test(
  'the tunnel comes up as the agent, with the right to configure it alone, behind the firewall',
  async ({ skip, onTestFinished }) => {
    skip(process.env['PUNNET_LONG_TESTS'] === undefined, 'npm run test:packages runs it');
    const missing = SystemdMachine.missing();
    skip(missing !== undefined, `no machine can be booted: ${missing}`);
    const debs = await buildDebs(folder, '022');
    const shipped = join(folder, 'shipped');
    for (const deb of Object.values(debs)) await run('dpkg-deb', ['-x', deb, shipped]);
    // Debian's own, with our part of it.
    for (const name of ['nftables.service', 'openvpn-server@.service']) {
      const unit = join('usr/lib/systemd/system', name);
      cpSync(join('/', unit), join(shipped, unit));
    }
    const pki = await openPki(join(folder, 'data'), []);
    const key = join(folder, 'tls-crypt.key');
    execFileSync('openvpn', ['--genkey', 'tls-crypt', key]);
    mkdirSync(join(shipped, 'etc/punnet-agent'), { recursive: true });

    const home = join(folder, 'booted');
    const machine = await SystemdMachine.boot({
      folder: home,
      files: shipped,
      unit: 'punnet-scheduler.service',
    });
    onTestFinished(() => machine.stop());
    const sh: Shell = async (script, ...words) => {
      const ran = await machine.call('sh', '-c', script, ...words);
      if (ran.code !== 0) throw new Error(`${script}: ${ran.code}\n${ran.out}${ran.err}`);
      return ran.out;
    };
    await machine.answers(9464, '/readyz');
    await sh(
      'mkdir -p /dev/net && mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200',
    );
    await sh(
      `install -d -m 700 ${overlay} && cd ${overlay} && cat >client.conf <<'END'\n${profile}END`,
    );
    const files = [
      ['ca.pem', pki.caPem],
      ['node.crt', pki.certificatePem],
      ['key.pem', pki.keyPem],
      ['tls-crypt.key', readFileSync(key, 'utf8')],
    ];
    for (const [name = '', text = ''] of files) {
      await sh(`cd ${overlay} && printf %s "$1" >"$2"`, 'sh', text, name);
    }
    await sh('chown -R punnet-agent: /var/lib/punnet-agent');
    const server = `--dev null --ifconfig-noexec --proto udp4 --local 127.0.0.1 --port 1194 --tls-server --dh none --daemon`;
    const own = '--ca ca.pem --cert node.crt --key key.pem --tls-crypt tls-crypt.key';
    await sh(`cd ${overlay} && openvpn ${server} ${own}`);

    await sh('systemctl start punnet-overlay');
    await until('the tunnel is up', async () => {
      const addresses = await sh('cat /proc/net/if_inet6');
      return /^fd0*2 .* punnet$/m.test(addresses) || undefined;
    });
    const pid = (await sh('systemctl show --value -p MainPID punnet-overlay')).trim();
    const status = await sh(`cat /proc/${pid}/status`);
    expect(status).toMatch(/^CapPrm:\t0000000000001000\nCapEff:\t0000000000001000$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
    expect(await sh('nft list ruleset')).toContain('iifname != "punnet" accept');
    expect(await sh('nft list set inet punnet_agent open')).not.toContain('elements');
    await sh('mount -t tmpfs none /etc/punnet-agent');
    expect(await sh('punnet-agent ssh yes')).toContain('can reach ssh');
    expect(await sh('nft list set inet punnet_agent open')).toContain('elements = { 22 }');
    await firewallStays(sh, pid);
    await doctorSees(machine, sh);
    await coreIsWatched(sh);
  },
  longTestMs,
);

type Shell = (script: string, ...words: readonly string[]) => Promise<string>;

/** Whatever Debian's unit does, which flushes all rules each time, the tunnel is neither open nor cut. */
async function firewallStays(sh: Shell, pid: string): Promise<void> {
  for (const deed of ['start', 'reload', 'restart', 'stop']) {
    await sh('nft add table inet left_over');
    await sh(`systemctl ${deed} nftables`);
    const rules = await sh('nft list ruleset');
    expect(rules, deed).not.toContain('left_over');
    expect(rules, deed).toContain('iifname != "punnet" accept');
    expect(rules, deed).toContain('elements = { 22 }');
  }
  expect((await sh('systemctl show --value -p MainPID punnet-overlay')).trim()).toBe(pid);
}

async function doctorSees(machine: SystemdMachine, sh: Shell): Promise<void> {
  expect((await sh('systemctl is-active punnet-firewall-look.timer')).trim()).toBe('active');
  // It would mend what is looked at here.
  await sh('systemctl stop punnet-firewall-look.timer');
  const well = await machine.call('punnet-agent', 'doctor');
  expect(well.out).toMatch(/^ok +firewall .*ssh open$/m);
  await sh('nft flush ruleset');
  const ill = await machine.call('punnet-agent', 'doctor');
  expect(ill.out).toMatch(/^WRONG +firewall +none\n.*\n +sudo systemctl restart punnet-firewall/m);
  expect(ill.code).toBe(1);
  const look = 'sh /usr/share/punnet-agent/load-firewall.sh if-gone';
  expect(await sh(look)).toMatch(/^<4>The firewall of the overlay was gone/);
  expect(await sh('nft list ruleset')).toContain('iifname != "punnet" accept');
  expect(await sh('nft list set inet punnet_agent open')).toContain('elements = { 22 }');
  expect(await sh(look)).toBe('');
  await sh('nft flush ruleset && systemctl start punnet-firewall-look');
  expect(await sh('nft list ruleset')).toContain('elements = { 22 }');
}

/** What `overlay init` prints for root, done as printed: a flush by hand is mended, or the tunnels end. */
async function coreIsWatched(sh: Shell): Promise<void> {
  await sh('mount -t tmpfs none /etc/openvpn/server && mkdir -p /run/openvpn-server');
  const words = '--data /var/lib/punnet --server main=127.0.0.1:1195';
  const printed = await sh(`runuser -u punnet -- punnet-scheduler overlay init ${words}`);
  // No journal runs on this machine.
  await sh('sed -i /LogNamespace/d /var/lib/punnet/overlay/service.conf');
  for (const step of printed.match(/^ {2}(?:install|ln|systemctl) .*$/gm) ?? []) await sh(step);
  const isThere = async (): Promise<true | undefined> =>
    (await sh('nft list ruleset')).includes('table inet punnet_overlay') || undefined;
  const server = 'openvpn-server@punnet-main';
  const isActive = async (): Promise<boolean> =>
    (await sh(`systemctl is-active ${server} || true`)).trim() === 'active';
  expect(await isActive()).toBe(true);
  await sh('nft flush ruleset');
  await until('the rules are back', isThere, 60_000);
  expect(await isActive()).toBe(true);
  await sh('echo nonsense >/var/lib/punnet/overlay/rules.nft && nft flush ruleset');
  await until('the tunnels are ended', async () => !(await isActive()) || undefined, 60_000);
}
