// The placeholders of a job's command, environment and outputs: {index}, {input}, {input.name},
// {input.stem}, and the columns of the task's row. `{{` stands for a literal `{`.

export const placeholders = ['index', 'input', 'input.name', 'input.stem'] as const;

export interface TemplateValues {
  readonly index: number;
  /** Path of the task's own input in the work folder; null when it has none. */
  readonly input: string | null;
  /** The task's row: values by column. */
  readonly row?: ReadonlyMap<string, string>;
}

const token = /\{\{|\{([^{}]*)\}/g;

/** The text with its placeholders replaced. Unknown ones stay as they are; without an input, those
 * of the input become empty. */
export function renderTemplate(text: string, values: TemplateValues): string {
  // Most words of most commands, for each lease.
  if (!text.includes('{')) return text;
  const path = values.input ?? '';
  const base = path.slice(path.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  const known = new Map<string, string>([
    ['index', String(values.index)],
    ['input', path],
    ['input.name', base],
    ['input.stem', dot > 0 ? base.slice(0, dot) : base],
  ]);
  return text.replace(token, (whole: string, name: string | undefined) =>
    name === undefined ? '{' : (known.get(name) ?? values.row?.get(name) ?? whole),
  );
}

/** The names in braces, in the order of the text. */
export function placeholdersOf(text: string): readonly string[] {
  return [...text.matchAll(token)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

/** The names in braces that `renderTemplate` does not know, in the order of the text. */
export function findUnknownPlaceholders(
  text: string,
  columns: readonly string[],
): readonly string[] {
  const known = new Set<string>([...placeholders, ...columns]);
  return placeholdersOf(text).filter((name) => !known.has(name));
}
