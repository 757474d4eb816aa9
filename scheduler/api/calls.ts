// What every call has in common: who calls, and errors in their form.

import type {
  ServerUnaryCall,
  ServerWritableStream,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js';
import { isChange, recordChange } from './audit.ts';
import type { Principal } from './auth.ts';
import { authenticate } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { asApiError, toServiceError } from './errors.ts';

/** A unary handler from a plain function of request and caller. */
export function unary<Request, Response>(
  deps: ApiDeps,
  answer: (request: Request, caller: Principal) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback) => {
    const run = async (): Promise<Response> => {
      const caller = authenticate(deps, call.metadata);
      const { request } = call;
      const path = call.getPath();
      if (!isChange(path, request)) return answer(request, caller);
      try {
        const response = await answer(request, caller);
        await recordChange(deps, { path, caller }, { request, response });
        return response;
      } catch (error) {
        await recordChange(deps, { path, caller }, { request, error });
        throw error;
      }
    };
    run().then(
      (response) => callback(null, response),
      (error: unknown) => callback(told(deps, error)),
    );
  };
}

/** A handler that writes messages until the function has ended. */
export function streaming<Request, Response>(
  deps: ApiDeps,
  write: (call: ServerWritableStream<Request, Response>, caller: Principal) => Promise<void>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const run = async (): Promise<void> => write(call, authenticate(deps, call.metadata));
    run().then(
      () => call.end(),
      (error: unknown) => call.emit('error', told(deps, error)),
    );
  };
}

/** The error for the caller; the insides of one that is our own fault go to the log. */
export function told(deps: ApiDeps, error: unknown): ReturnType<typeof toServiceError> {
  if (asApiError(error) === undefined) deps.onFault(error);
  return toServiceError(error);
}
