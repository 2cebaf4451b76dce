import type { Authentication, ConfirmedCaller } from "./authenticate.js";

/** A request that a middleware may have looked at. */
export interface WithCaller {
  readonly caller?: Authentication | null | undefined;
}

/**
 * The caller of a request, when it is confirmed. Throws an Error otherwise: no middleware looked at the request, or it only
 * annotates and the handler did not look at `caller.status` first.
 */
export function callerOf({ caller }: WithCaller): ConfirmedCaller {
  if (caller?.status === "confirmed") return caller;
  throw new Error(caller ? "the request's caller is not confirmed" : "no machineAuth looked at this request");
}
