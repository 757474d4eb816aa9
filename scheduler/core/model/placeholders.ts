// The placeholders of a job's command and outputs: {index}, {input}, {input.name}, {input.stem}.
// `{{` stands for a literal `{`.

export const placeholders = ['index', 'input', 'input.name', 'input.stem'] as const;

export interface TemplateValues {
  readonly index: number;
  /** Path of the task's own input in the work folder; null when it has none. */
  readonly input: string | null;
}

const token = /\{\{|\{([^{}]*)\}/g;

/** The text with its placeholders replaced. Unknown ones stay as they are; without an input, those
 * of the input become empty. */
export function renderTemplate(text: string, values: TemplateValues): string {
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
    name === undefined ? '{' : (known.get(name) ?? whole),
  );
}

/** The names in braces that `renderTemplate` does not know, in the order of the text. */
export function findUnknownPlaceholders(text: string): readonly string[] {
  const unknown: string[] = [];
  for (const match of text.matchAll(token)) {
    const name = match[1];
    if (name !== undefined && !placeholders.some((known) => known === name)) unknown.push(name);
  }
  return unknown;
}
