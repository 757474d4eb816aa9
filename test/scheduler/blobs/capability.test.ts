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
  expect(right).toEqual({ kind: 'put', nodeId: 'pi', maxBytes: 5_000, expiresUnixMs: 2_000 });
});
