// Bytes that look random and are the same for the same seed, fast enough for megabytes.

import { createCipheriv, createHash } from 'node:crypto';

/** AES-CTR of zeros under the seed's hash. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}
