// What the doctor says of a node: a table of what may be wrong, each told with what was wanted, what was
// found and what to do, and by nothing else.

import { describe, expect, test } from 'vitest';
import type { EnrolmentReadings, Readings } from '../../../agent/install/doctor.ts';
import { checksText, examine, judgeFirewall } from '../../../agent/install/doctor.ts';

const answered = { kind: 'answered', aheadMs: 900, isPinned: true, issuer: 'punnet CA' } as const;
const silent = { kind: 'silent', error: 'connect ETIMEDOUT' } as const;
const server = (answer: 'answered' | 'silent') => [{ name: 'vpn.example:1194/udp', answer }];

const enrolled: EnrolmentReadings = {
  nodeId: 'pi',
  host: 'berries.example',
  serials: { enrolled: '1000', here: '1000' },
  dnsError: null,
  federation: answered,
  proxies: [],
  tunnel: { isUp: true, servers: server('answered') },
  natsError: null,
  agent: { kind: 'running', says: 'Node pi of berries, site attic: connected.' },
};

const healthy: Readings = {
  board: { model: 'Raspberry Pi 2 Model B', architecture: 'armv7l' },
  memoryBytes: 900e6,
  node: { file: '/usr/bin/node', version: '18.20.4', problem: '' },
  missingPackages: [],
  sandbox: { backend: 'rlimit', problems: [] },
  diskFreeBytes: 5e9,
  diskReserveBytes: 200e6,
  isUnderVoltage: false,
  temperatureC: 50,
  temperatureLimitC: 70,
  limitsProblem: null,
  apt: { port: null, isTold: false, isScriptRight: false, isListening: false },
  enrolment: enrolled,
};

function wrong(readings: Readings): readonly string[] {
  return examine(readings)
    .filter(({ state }) => state === 'bad')
    .map(({ what }) => what);
}

test('a healthy node has nothing wrong, and every line says what was found', () => {
  const checks = examine(healthy);
  expect(checks.map(({ state }) => state)).toEqual(checks.map(() => 'good'));
  expect(checksText(checks)).not.toMatch(/WRONG|undefined|null/);
});

describe('of the machine', () => {
  test.each<[string, Partial<Readings>, RegExp]>([
    ['board', { board: { model: 'a RISC-V board', architecture: null } }, /another board/],
    ['board', { memoryBytes: 120e6 }, /wanted: 150 MB of memory\n.*gpu_mem=16/],
    [
      'Node.js',
      { node: { file: '/usr/bin/node', version: null, problem: 'SIGILL' } },
      /dies with SIGILL.*\n.*a Node.js for this CPU\n.*apt-get install nodejs/,
    ],
    ['programs', { missingPackages: ['openvpn'] }, /sudo apt-get install openvpn/],
    ['sandbox', { sandbox: { backend: 'bare', problems: ['rlimit: no'] } }, /max_user_namespaces/],
    ['disk', { diskFreeBytes: 199e6 }, /199 MB free\n +wanted: 200 MB/],
    ['heat', { temperatureC: 71 }, /71 °C\n +wanted: 70 °C/],
    ['power', { isUnderVoltage: true }, /wanted: 4.63 V or more\n.*power supply/],
    ['limits', { limitsProblem: 'slots: wanted a number' }, /slots: wanted a number/],
    ['enrolment', { enrolment: null }, /punnet-agent install URL/],
  ])('%s is wrong', (what, changes, words) => {
    const readings = { ...healthy, ...changes };
    expect(wrong(readings)).toEqual([what]);
    expect(checksText(examine(readings))).toMatch(words);
  });

  test('what a board does not tell is not held against it', () => {
    const readings = { ...healthy, isUnderVoltage: null, temperatureC: null };
    const serials = { enrolled: null, here: null };
    expect(wrong({ ...readings, enrolment: { ...enrolled, serials } })).toEqual([]);
  });
});

describe('of its way to the federation', () => {
  const down = { isUp: false, servers: server('silent') };
  test.each<[readonly string[], Partial<EnrolmentReadings>, RegExp]>([
    [
      ['SD card'],
      { serials: { enrolled: '1000', here: '2000' } },
      /--only-here.*enrol again.*moved here: sudo punnet-agent leave, then enrol again/,
    ],
    [['DNS', 'federation'], { dnsError: 'ENOTFOUND', federation: silent }, /resolv\.conf/],
    [['federation'], { federation: silent }, /ask for TCP to this host/],
    [['federation'], { federation: silent, proxies: ['https_proxy'] }, /proxy \(https_proxy\)/],
    [
      ['federation'],
      { federation: { ...answered, isPinned: false, issuer: 'Acme Proxy CA' } },
      /one of "Acme Proxy CA"\n.*\n.*opens TLS/,
    ],
    [
      ['clock'],
      { federation: { ...answered, aheadMs: 9e10 } },
      /1042 days behind.*\n.*\n.*set-ntp/,
    ],
    [['way to the tunnel', 'tunnel'], { tunnel: down }, /lets no UDP out.*TCP 443/],
    [
      ['federation', 'way to the tunnel', 'tunnel'],
      { tunnel: down, federation: silent },
      /The federation does not answer at all/,
    ],
    [
      ['tunnel'],
      { tunnel: { isUp: false, servers: server('answered') } },
      /journalctl -u punnet-overlay/,
    ],
    [
      ['bus', 'agent'],
      { natsError: 'none of tls://x:1', agent: { kind: 'stopped' } },
      /Is the scheduler up/,
    ],
    [['agent'], { agent: { kind: 'stopped' } }, /systemctl start punnet-agent/],
    [
      ['agent'],
      {
        agent: {
          kind: 'running',
          says: 'Node pi of berries, site attic: connected.\nAmiss: the cat sits on it.\n',
        },
      },
      /the cat sits on it\.\n +wanted: nothing amiss\n.*status says the rest/,
    ],
    [['agent'], { agent: { kind: 'cloned' } }, /This card was copied: .*--only-here/],
  ])('%j', (names, changes, words) => {
    const readings = { ...healthy, enrolment: { ...enrolled, ...changes } };
    expect(wrong(readings)).toEqual(names);
    expect(checksText(examine(readings))).toMatch(words);
  });

  test('without an overlay nothing is said of one', () => {
    const checks = examine({ ...healthy, enrolment: { ...enrolled, tunnel: null } });
    expect(checks.map(({ what }) => what).join()).not.toContain('tunnel');
  });
});

describe('the firewall, as root sees it', () => {
  const closed = { isLoaded: true, isTunnelUp: true, isSshOpen: false, isSshAllowed: false };
  const gone = { ...closed, isLoaded: false };
  test.each<[string, typeof closed, string, RegExp]>([
    ['is there', closed, 'good', /to all but answers, ssh closed$/],
    ['lets ssh in', { ...closed, isSshOpen: true, isSshAllowed: true }, 'good', /ssh open$/],
    ['is gone', gone, 'bad', /none\n +wanted: rules .*\n +sudo systemctl restart punnet-firewall/],
    ['comes later', { ...gone, isTunnelUp: false }, 'unknown', /it comes with the tunnel/],
    ['lets in what it must not', { ...closed, isSshOpen: true }, 'bad', /wanted: ssh closed/],
    ['keeps out what it may not', { ...closed, isSshAllowed: true }, 'bad', /wanted: ssh open/],
  ])('%s', (_what, reading, state, words) => {
    const check = judgeFirewall(reading);
    expect(check.state).toBe(state);
    expect(checksText([check])).toMatch(words);
  });
});
