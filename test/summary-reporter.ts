// Ends a test run with the reason of each skipped test and one line that counts. A test gives its
// reason as `context.skip(condition, reason)`; a skip without one is told as such.

import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class SummaryReporter implements Reporter {
  /** Where the line that counts is also written; CI repeats it as its last one. */
  readonly #file: string | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = cases.filter((test) => test.result().state === 'skipped');
    // A file that cannot be loaded has no test that could fail, nor has an error after the tests.
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandled.length;
    const failed = cases.filter((test) => test.result().state === 'failed').length + broken;
    const passed = cases.filter((test) => test.result().state === 'passed').length;
    const counts = `${passed} passed, ${failed} failed, ${skipped.length} skipped\n`;
    const reasons = skipped.map((test) => `  ${nameOf(test)}: ${reasonOf(test)}\n`);
    if (reasons.length > 0) process.stdout.write(`Skipped, and why:\n${reasons.join('')}\n`);
    process.stdout.write(counts);
    if (this.#file !== undefined) writeFileSync(this.#file, counts);
  }
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  const note = result.state === 'skipped' ? (result.note ?? '') : '';
  if (note !== '') return note;
  const isCutOff = test.module.errors().length > 0;
  return isCutOff ? 'its file failed before it could run' : 'no reason was given';
}
