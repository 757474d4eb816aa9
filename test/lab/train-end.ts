// One end of a measurement, in a namespace of the lab: `core HOST` prints its port, then what it measured, as JSON, for
// each nonce that is written to it; `node HOST PORT NONCE` takes part once.

import { createInterface } from 'node:readline';
import { answerProbe } from '../../agent/adapters/uplink/answer-probe.ts';
import { Probes } from '../../scheduler/adapters/probes/probes.ts';

const [role, host = '', port, nonce = ''] = process.argv.slice(2);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
if (role === 'core') {
  const probes = await Probes.listen(host, 0);
  say(String(probes.port));
  for await (const line of createInterface({ input: process.stdin })) {
    say(JSON.stringify(await probes.measure(Buffer.from(line, 'hex'))));
  }
  await probes.close();
} else {
  const lease = { host, port: Number(port), nonce: Buffer.from(nonce, 'hex'), maxBytes: 150_000 };
  say(JSON.stringify(await answerProbe(lease)));
}
