// Finds the one bit that differs, from what it does to a CRC-32. The error of each single bit leaves a
// trace of its own in the checksum, at any length up to 2^32 - 1 bits.

const polynomial = 0xedb88320 | 0;

/**
 * The bit, counted from the lowest bit of the first byte, whose flip explains `syndrome`: the
 * checksum of the bytes as they are, XOR that of the bytes as they were. undefined: no single one.
 */
export function flippedBit(syndrome: number, lengthBytes: number): number | undefined {
  // The trace of the last bit; a bit before it has gone through one more step of the division.
  let trace = polynomial;
  for (let bit = 8 * lengthBytes - 1; bit >= 0; bit -= 1) {
    if (trace === (syndrome | 0)) return bit;
    trace = (trace >>> 1) ^ ((trace & 1) === 0 ? 0 : polynomial);
  }
  return undefined;
}
