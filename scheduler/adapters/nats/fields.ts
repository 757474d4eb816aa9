// What single fields of a node's message may be. Each throws a `Malformed` that names the field.

/** A message that is named and dropped. */
export class Malformed extends Error {}

/** More leases than any node holds. */
export const maxItems = 512;

export function few<T>(items: readonly T[], field: string): readonly T[] {
  if (items.length > maxItems) throw new Malformed(`${field}: want up to ${maxItems} items`);
  return items;
}

export function text(value: string, field: string): string {
  if (value.length > 256) throw new Malformed(`${field}: want up to 256 characters`);
  return value;
}

export function whole(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Malformed(`${field}: want a whole number, not negative`);
}

export function amount(value: number, field: string): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Malformed(`${field}: want a number, not negative`);
}
