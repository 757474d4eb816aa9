// `<data>/operator.context`: gives whoever can read it the operator's rights. The file is written
// before its token is journalled, and a token that the journal lacks is journalled at the next
// start: whenever the process dies, the operator gets in. Without the file a new token is made,
// which is also the way back for an operator who lost it.

import path from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably } from './durable-file.ts';

const stored = z.object({
  name: z.string(),
  endpoint: z.string(),
  caPem: z.string(),
  token: z.string(),
});
type Context = z.infer<typeof stored>;

export interface OperatorContextOptions {
  readonly dataFolder: string;
  readonly name: string;
  readonly endpoint: string;
  readonly caPem: string;
  readonly makeToken: () => string;
  /** Whether the journal has this token. */
  readonly isKnown: (token: string) => boolean;
  /** Puts the token into the journal. */
  readonly addToken: (token: string) => Promise<void>;
}

/** Writes the file when it is missing, damaged or of another address. */
export async function keepOperatorContext(options: OperatorContextOptions): Promise<void> {
  const { dataFolder, name, endpoint, caPem } = options;
  const file = path.join(dataFolder, 'operator.context');
  const text = readIfThere(file);
  const token = tokenIn(text) ?? options.makeToken();
  const context: Context = { name, endpoint, caPem, token };
  const wanted = `${JSON.stringify(context, null, 1)}\n`;
  if (text !== wanted) writeDurably(file, wanted);
  if (!options.isKnown(token)) await options.addToken(token);
}

function tokenIn(text: string | null): string | null {
  if (text === null) return null;
  try {
    return stored.parse(JSON.parse(text)).token;
  } catch {
    return null;
  }
}
