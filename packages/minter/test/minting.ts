import {
  type Client,
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
} from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import type { Caller } from "../src/access/caller.js";
import type { AuditEntry } from "../src/audit/audit-log.js";
import { noRecorder, type Recorder } from "../src/audit/recorder.js";
import { noMetrics } from "../src/metrics.js";
import { answerErrors } from "../src/rpc/answer-errors.js";
import { callerKey } from "../src/rpc/caller.js";
import { reports, silent } from "./reports.js";

/** What every RPC that mints needs, and what it wrote. */
export interface MintingParts {
  readonly serviceVersion: string;
  readonly recorder: Recorder;
  readonly metrics: typeof noMetrics;
  readonly log: typeof silent;
}

/** RPCs as one caller calls them, and the records that they leave. */
export interface TestMinter {
  readonly minter: Client<typeof TokenMinter>;
  /** Records of tokens. */
  readonly entries: readonly AuditEntry[];
  /** Records of refusals. */
  readonly notes: readonly AuditEntry[];
  /** What was counted. */
  readonly counted: readonly [name: string, labels: object | undefined][];
}

/** Registers RPCs and calls them as somebody. With a `failure` no record can be committed. */
export function minterFor(
  caller: Caller,
  register: (router: ConnectRouter, parts: MintingParts) => void,
  failure?: Error,
): TestMinter {
  const entries: AuditEntry[] = [];
  const notes: AuditEntry[] = [];
  const counted: [string, object | undefined][] = [];
  const record = (entry: AuditEntry) => {
    if (failure) return Promise.reject(failure);
    entries.push(entry);
    return Promise.resolve();
  };
  const recorder = { ...noRecorder, record, note: (entry: AuditEntry) => void notes.push(entry) };
  const metrics = { ...noMetrics, count: (name: string, labels?: object) => void counted.push([name, labels]) };
  const parts = { serviceVersion: "app/1", recorder, metrics, log: silent };
  const transport = createRouterTransport((router) => register(router, parts), {
    router: {
      interceptors: [
        answerErrors(reports({ recorder })),
        (next) => (request) => {
          request.contextValues.set(callerKey, caller);
          return next(request);
        },
      ],
    },
  });
  return { minter: createClient(TokenMinter, transport), entries, notes, counted };
}

/** The code and the words of a refusal. Rejects if there is none. */
export async function refusalOf(call: Promise<unknown>): Promise<[code: string, message: string]> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  if (!outcome) throw new Error("it was minted");
  return [Code[outcome.code] ?? "", outcome.rawMessage];
}
