// What is wrong with a journal, in words for whoever runs the scheduler.

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

/** Reading it as far as we can would lose what the newer scheduler promised. */
export function newerError(file: string, version: number): JournalError {
  return new JournalError(
    `${file} was written by a newer scheduler (facts of version ${version}). Start that version, or a later one; nothing was changed.`,
  );
}

/** `before`: what was found on the way, which may be why they are needed. */
export function missingError(
  file: string,
  gap: [from: number, to: number],
  before: readonly string[],
) {
  const [from, to] = gap;
  return new JournalError(
    [
      ...before,
      `The journal lacks batches ${from} to ${to - 1}, which belong before ${file}. Nothing was changed; restore the folder from a backup.`,
    ].join(' '),
  );
}

export function damageError(what: string): JournalError {
  return new JournalError(
    `The journal can't be believed: ${what}. Nothing was changed; restore the folder from a backup.`,
  );
}
