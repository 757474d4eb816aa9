// Nodes hold rights for a month, through new versions of the scheduler.

import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';

const key = Buffer.alloc(32, 7);

it('takes the right to send that the version before gave, which named a lease', () => {
  const fields = ['pi', 2_000, 'put', 17, 5_000];
  const payload = Buffer.from(JSON.stringify(fields)).toString('base64url');
  const mac = createHmac('sha256', key).update(payload).digest('base64url');
  const right = new CapabilitySigner(key).verify(`${payload}.${mac}`, 1_000);
  const scope = { kind: 'put', nodeId: 'pi', leaseId: 17, maxBytes: 5_000 };
  expect(right).toEqual({ ...scope, expiresUnixMs: 2_000 });
});

it.each([17, null])('says of which lease it is: %s', (leaseId) => {
  const signer = new CapabilitySigner(key);
  const right = { kind: 'put', nodeId: 'pi', leaseId, maxBytes: 5, expiresUnixMs: 9 } as const;
  expect(signer.verify(signer.sign(right), 1)).toEqual(right);
});

it('says which task the blob is kept by, of one that is', () => {
  const signer = new CapabilitySigner(key);
  const right = { kind: 'get', nodeId: 'pi', sha256: 'ab', expiresUnixMs: 9 } as const;
  const kept = { jobId: 'pictures', taskIndex: 3, sizeBytes: 5 };
  expect(signer.verify(signer.sign({ ...right, kept }), 1)).toEqual({ ...right, kept });
  expect(signer.verify(signer.sign(right), 1)).toEqual(right);
});

it('gives each job a proof of its own, which no exchange has', () => {
  const signer = new CapabilitySigner(key);
  const proofs = [signer.keepProof('a'), signer.keepProof('b'), signer.exchangeProof(0, 'a')];
  expect(new Set(proofs.map((proof) => proof.toString('hex'))).size).toBe(3);
});
