// Starts a program that was built beside this one, in its place: same terminal, same exit code.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';

export function runBeside(file: string, words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [file, ...words], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
