// The owner's word for where this node is: a code that all Pis at one place are given. Whoever does not
// know it can't say that he is there, too.

import { createHash, randomBytes } from 'node:crypto';
import { LimitsError, parseLimits, readLimits, readLimitsFile } from './limits.ts';

/** What a report carries; undefined: the owner has said nothing. */
export function householdHash(code: string | null): string | undefined {
  if (code === null) return undefined;
  return createHash('sha256').update(`punnet household ${code}`).digest('hex').slice(0, 32);
}

export interface HouseholdChange {
  /** The limits file, as it is to be; null: nothing changes. */
  readonly text: string | null;
  readonly said: string;
}

/**
 * @param word a code; `none` to take it back; undefined to be told the code, a new one if there is none.
 * Throws LimitsError for a wrong file or word.
 */
export function changeHousehold(file: string, word: string | undefined): HouseholdChange {
  const { household } = readLimits(file);
  if (word === undefined && household !== null) return { text: null, said: inviting(household) };
  const code = word === 'none' ? null : (word ?? randomBytes(16).toString('hex'));
  const fields = { ...readLimitsFile(file), household: code };
  try {
    parseLimits(fields, file);
  } catch {
    throw new LimitsError(
      `household: wanted 32 digits as \`punnet-agent household\` prints them on another Pi, or none, found ${word}`,
    );
  }
  const said = code === null ? 'Nothing is said any more of who is at one place.' : inviting(code);
  return { text: `${JSON.stringify(fields, null, 2)}\n`, said };
}

function inviting(code: string): string {
  return `On each other Pi at this place, behind this line: sudo punnet-agent household ${code}`;
}
