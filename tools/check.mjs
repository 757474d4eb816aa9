// Runs all gates but the tests, side by side: each is a script of package.json. What one that fails
// said is printed at its end.

import { spawn } from 'node:child_process';

const gates = ['format', 'types', 'lint', 'deadcode', 'proto'];

const passed = await Promise.all(gates.map(pass));
process.exit(passed.every(Boolean) ? 0 : 1);

function pass(gate) {
  const child = spawn('npm', ['run', '--silent', gate], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) {
        process.stdout.write(`${Buffer.concat(said).toString()}check: npm run ${gate} failed.\n`);
      }
      resolve(code === 0);
    });
  });
}
