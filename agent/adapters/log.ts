// What the agent tells of itself while it runs: a JSON line each; a Pi's journal keeps them.

export function log(event: string, fields: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
}
