import {
  type Client,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { Operator } from "@tokens/api/admin";
import type { AuditEntry } from "../src/audit/audit-log.js";
import { noRecorder, type Recorder } from "../src/audit/recorder.js";
import { answerErrors } from "../src/rpc/answer-errors.js";
import { listenerKey } from "../src/rpc/listener.js";
import { reports } from "./reports.js";

/** RPCs as somebody on the admin listener calls them. */
export function operatorClient(rpcs: Partial<ServiceImpl<typeof Operator>>): Client<typeof Operator> {
  const arrive: Interceptor = (next) => (request) => {
    request.contextValues.set(listenerKey, "admin");
    return next(request);
  };
  const routes = (router: ConnectRouter) => router.service(Operator, rpcs);
  const interceptors = [answerErrors(reports()), arrive];
  return createClient(Operator, createRouterTransport(routes, { router: { interceptors } }));
}

/** How a call ends. */
export function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => "ok",
    (error: unknown) => ConnectError.from(error).code,
  );
}

/** Remembers what is recorded, until it is told to fail. */
export class KeptRecords {
  entries: AuditEntry[] = [];
  failure: Error | undefined;
  readonly recorder: Recorder = {
    ...noRecorder,
    record: async (entry) => {
      if (this.failure) throw this.failure;
      this.entries.push(entry);
    },
  };
}
