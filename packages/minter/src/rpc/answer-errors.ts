import { Code, ConnectError, type ContextValues, type Interceptor } from "@connectrpc/connect";
import { TrustUnavailable } from "@tokens/machine-auth";
import { ANONYMOUS } from "../access/canonical-identity.js";
import type { Recorder } from "../audit/recorder.js";
import { Refusal, renderError, Unavailable } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { refusalEntry } from "./call-facts.js";
import { callerKey } from "./caller.js";
import { listenerKey } from "./listener.js";
import { peerAddressKey } from "./peer.js";
import { ReferenceId, referenceIdKey } from "./reference-id.js";

/** Where what went wrong is written down. */
export interface ErrorReports {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly recorder: Recorder;
  readonly serviceVersion: string;
}

type CallRequest = Parameters<ReturnType<Interceptor>>[0];

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof Refusal) return { code: Code[error.code], detail: error.detail, err: error.cause };
  if (error instanceof Unavailable) return { code: "Unavailable", detail: error.detail, err: error.cause };
  if (error instanceof ConnectError) return { code: Code[error.code], detail: error.rawMessage };
  return { code: Code[Code.Internal], err: error };
}

/** Who calls, or at least who the peer had proved to be. */
function callerOf(error: unknown, { contextValues }: CallRequest): string {
  const proved = error instanceof Refusal ? error.peer : undefined;
  return proved ?? contextValues.get(callerKey).identity;
}

/** Whether nobody knows who calls. Whoever reaches the admin listener is an operator of this machine. */
function isStranger(values: ContextValues): boolean {
  const { identity, peer } = values.get(callerKey);
  return identity === ANONYMOUS && peer === ANONYMOUS && values.get(listenerKey) !== "admin";
}

/** A refusal of somebody who is known is recorded, one of a stranger is counted. */
function record(error: unknown, request: CallRequest, { metrics, recorder, serviceVersion }: ErrorReports): void {
  const { contextValues: values, header: headers } = request;
  const method = request.method.name;
  if (!(error instanceof Refusal)) {
    const code =
      error instanceof ConnectError ? Code[error.code] : error instanceof Unavailable ? "Unavailable" : "Internal";
    return metrics.count("tokens_failed_total", { method, code });
  }
  const reason = Code[error.code];
  metrics.count("tokens_refused_total", { method, reason });
  if (error.peer === undefined && isStranger(values)) {
    return recorder.count(method, reason, values.get(peerAddressKey));
  }
  recorder.note(refusalEntry({ values, headers, method, reason, refusal: error }, serviceVersion, explained(error)));
}

/** Writes an error down, and makes of it what the caller may see. */
function answer(thrown: unknown, request: CallRequest, referenceId: string, reports: ErrorReports): ConnectError {
  const error = outageOf(thrown);
  const caller = callerOf(error, request);
  const peer = request.contextValues.get(peerAddressKey);
  const fields = { method: request.method.name, peer, caller, referenceId, ...describe(error) };
  const expected = error instanceof Refusal || error instanceof Unavailable || error instanceof ConnectError;
  reports.log[expected ? "warn" : "error"](fields, expected ? "call refused" : "call failed");
  record(error, request, reports);
  return renderError(error, referenceId);
}

/** That this server does not know its own keys, or what it has revoked, is an outage and no bug. */
function outageOf(error: unknown): unknown {
  return error instanceof TrustUnavailable ? new Unavailable(error.message, error.message, error.cause) : error;
}

function explained({ explanation }: Refusal): Readonly<Record<string, unknown>> {
  return explanation ? { policy_revision: explanation.policyRevision, considered: explanation.considered } : {};
}

/**
 * Turns what a handler throws into the error that the caller may see, and writes the rest down under the same reference
 * id, which handlers that refuse by an answer use, too.
 */
export function answerErrors(reports: ErrorReports): Interceptor {
  return (next) => async (request) => {
    const reference = new ReferenceId();
    request.contextValues.set(referenceIdKey, reference);
    const answered = (error: unknown) => answer(error, request, reference.text, reports);
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: guarded(response.message, answered) } : response;
    } catch (error) {
      throw answered(error);
    }
  };
}

/** A handler that streams throws while its messages are read. */
async function* guarded<T>(messages: AsyncIterable<T>, answered: (error: unknown) => ConnectError): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw answered(error);
  }
}
