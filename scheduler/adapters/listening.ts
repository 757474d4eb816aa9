// Where the scheduler listens: what its user can mend when it cannot.

import { isFree } from './kept-ports.ts';
import { portOwner } from './port-owner.ts';

export class ListenError extends Error {}

/** Throws ListenError when the address is not this machine's. */
export async function checkAddress(host: string): Promise<void> {
  try {
    await isFree(0, host);
  } catch (error) {
    throw new ListenError(
      `--listen: wanted an address of this machine, found ${host}: \`ip address\` shows those that there are (${String(error)}).`,
    );
  }
}

/** Throws ListenError when the core's address on the overlay is not there. */
export async function checkCoreAddress(address: string): Promise<void> {
  try {
    await isFree(0, address);
  } catch (error) {
    throw new ListenError(
      `--overlay: wanted ${address}, where nodes reach the bus, on this machine, and it is not there: start its OpenVPN server first (\`punnet overlay init\` tells how; ${String(error)}).`,
    );
  }
}

const portUses = {
  '--grpc-port': 'the gRPC API',
  '--https-port': 'enrolment and blobs',
  '--metrics-port': 'metrics',
  '--probe-port': 'measurements of lines',
};

/** Begins to listen. Throws ListenError when the port is taken. */
export async function listening<Result>(
  flag: keyof typeof portUses,
  port: number,
  begin: () => Promise<Result>,
): Promise<Result> {
  try {
    return await begin();
  } catch (error) {
    if (!String(error).includes('EADDRINUSE')) throw error;
    throw new ListenError(
      `Port ${port}, for ${portUses[flag]}, is taken by ${portOwner(port)}: end that, or choose another port (${flag}).`,
    );
  }
}
