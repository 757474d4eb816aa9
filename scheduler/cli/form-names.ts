// The values of --output, and which command can print in which. Apart from the printing, which few need.

export const forms = ['table', 'json', 'yaml', 'csv', 'ansible'] as const;
export type Form = (typeof forms)[number];

/** Commands whose answer is a list. */
const lists: ReadonlySet<string> = new Set([
  ...['jobs', 'tasks', 'nodes', 'sites', 'shares', 'audit', 'token list', 'context list'],
]);

/** Why a command cannot print in this form, or null. */
export function formProblem(form: Form, command: string): string | null {
  if (form === 'csv' && !lists.has(command)) {
    return `--output csv: wanted a command that lists (${[...lists].join(', ')}), found ${command}: take json or yaml`;
  }
  if (form === 'ansible' && command !== 'nodes') {
    return `--output ansible: wanted "punnet nodes", found ${command}: take json or yaml`;
  }
  return null;
}
