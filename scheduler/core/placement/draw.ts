// Chance without a generator: a hash of what is being decided, so that the same is decided again.

/** From 0 up to 1, evenly spread over the numbers given (murmur3's mixing). */
export function draw(...numbers: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const number of numbers) {
    hash = mixed(hash ^ (number >>> 0));
    hash = mixed(hash ^ (Math.floor(number / 2 ** 32) >>> 0));
  }
  return hash / 2 ** 32;
}

function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
