// New credentials before the old ones end, without the owner: asked for over HTTPS with the node's
// own key, so that it works too when neither tunnel nor bus take the node any more.

import { X509Certificate } from 'node:crypto';
import { RenewRequest } from '../../../proto/gen/punnet/v1/agent.ts';
import { renewalText } from '../../../proto/renewal.ts';
import { signAs } from '../bus/node-authenticator.ts';
import { certificateRequest, sha256 } from '../overlay/certificate-request.ts';
import type { TunnelFolder } from '../overlay/tunnel-folder.ts';
import type { Identity, StateFolder } from '../state/state-folder.ts';
import { askFederation, keep } from './federation-call.ts';

/** Of their life, before new ones are asked for: eight months of two years are left then. */
const partUsed = 2 / 3;
const lookEveryMs = 24 * 3_600_000;
/** After a refusal by the bus, whose reason may be that they have ended; then twice as long each time, up to
 * a day: a home's line is metered, and a federation keeps each certificate. */
const afterRefusalMs = 3_600_000;

export interface RenewerOptions {
  readonly state: StateFolder;
  readonly tunnels: TunnelFolder;
  readonly natsSeed: string;
  readonly identity: () => Identity;
  /** There is no connection to the bus. */
  readonly isAway: () => boolean;
  /** They are on disk; the identity is the new one. */
  readonly onRenewed: (identity: Identity) => void;
  readonly log: (event: string, fields?: Record<string, unknown>) => void;
}

export class Renewer {
  readonly #options: RenewerOptions;
  #timer: NodeJS.Timeout | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #waitMs = 0;

  constructor(options: RenewerOptions) {
    this.#options = options;
  }

  /** Looks now and each day. A bus that is away by then may have moved: the answer says where it is. */
  start(): void {
    this.#look();
    this.#timer = setInterval(() => {
      if (this.#options.isAway()) void this.#renew();
      else this.#look();
    }, lookEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The bus refuses this node: its credentials have ended, perhaps, whatever this node's clock says. */
  refused(): void {
    const silentMs = performance.now() - this.#askedMs;
    if (silentMs < this.#waitMs) return;
    const isSame = silentMs < 2 * lookEveryMs;
    // The first ask may have been the daily look's, after which there was no wait.
    const longerMs = Math.min(lookEveryMs, Math.max(afterRefusalMs, 2 * this.#waitMs));
    this.#waitMs = isSame ? longerMs : afterRefusalMs;
    void this.#renew();
  }

  #look(): void {
    const { identity, tunnels } = this.#options;
    if (isDue(lifeOf(identity(), tunnels.certificate()), Date.now())) void this.#renew();
  }

  /** What fails is tried again at the next look. */
  async #renew(): Promise<void> {
    const { log, onRenewed } = this.#options;
    this.#askedMs = performance.now();
    try {
      onRenewed(await this.#ask());
      log('credentials renewed');
    } catch (error) {
      log('credentials not renewed', { why: (error as Error).message });
    }
  }

  async #ask(): Promise<Identity> {
    const { state, tunnels, natsSeed, identity } = this.#options;
    const { nodeId, httpsUrl, caPem } = identity();
    const request = certificateRequest(tunnels.key());
    const text = Buffer.from(renewalText(nodeId, sha256(request)));
    const signature = signAs(natsSeed)(text);
    const body = RenewRequest.encode({ nodeId, certificateRequest: request, signature }).finish();
    const answer = await askFederation(new URL('/v1/renew', httpsUrl), caPem, Buffer.from(body));
    return keep({ state, tunnels, caPem }, answer);
  }
}

/** Unix milliseconds; 0: there was no telling. */
export interface Life {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Of the credentials that end first. */
export function lifeOf(identity: Pick<Identity, 'natsJwt'>, certificatePem: string | null): Life {
  const bus = lifeOfJwt(identity.natsJwt);
  if (certificatePem === null) return bus;
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const tunnel = { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
  return bus.untilMs < tunnel.untilMs ? bus : tunnel;
}

function lifeOfJwt(jwt: string): Life {
  // The federation made it.
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as {
    readonly iat: number;
    readonly exp?: number;
  };
  // One of before there was an end is as good as over.
  return { fromMs: 1_000 * claims.iat, untilMs: 1_000 * (claims.exp ?? claims.iat) };
}

export function isDue({ fromMs, untilMs }: Life, nowMs: number): boolean {
  return nowMs >= fromMs + partUsed * (untilMs - fromMs);
}
