import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { Operator } from "@tokens/api/admin";
import { TrustUnavailable } from "@tokens/machine-auth";
import { describe, expect, it } from "vitest";
import type { Caller } from "../access/caller.js";
import { noRecorder } from "../audit/recorder.js";
import { REFERENCE_HEADER, refuseCall, Unavailable } from "../errors.js";
import { reports } from "../../test/reports.js";
import { callerKey } from "./caller.js";
import { listenerKey, type ListenerName } from "./listener.js";
import { answerErrors } from "./answer-errors.js";

type Entry = [level: string, fields: Record<string, unknown>, message: string];

async function callThatThrows(thrown: unknown): Promise<{ error: ConnectError; entries: Entry[] }> {
  const entries: Entry[] = [];
  const logger = (level: string) => (fields: Record<string, unknown>, message: string) => {
    entries.push([level, fields, message]);
  };
  const log = { info: logger("info"), warn: logger("warn"), error: logger("error") };
  const transport = createRouterTransport(
    ({ rpc }) =>
      void rpc(TokenMinter.method.mintMachineToken, () => {
        throw thrown;
      }),
    { router: { interceptors: [answerErrors(reports({ log }))] } },
  );
  const error = await createClient(TokenMinter, transport)
    .mintMachineToken({})
    .then(() => Promise.reject(new Error("it answered")), ConnectError.from);
  return { error, entries };
}

describe("answerErrors", () => {
  it("shows a refusal's words to the caller, and its detail to the log alone", async () => {
    const { error, entries } = await callThatThrows(refuseCall(Code.InvalidArgument, "empty request", "the detail"));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toBe("empty request");
    expect(entries).toMatchObject([["warn", { detail: "the detail", code: "InvalidArgument" }, "call refused"]]);
  });

  it("gives each refusal a reference id of its own, the same in the answer and in the log", async () => {
    const first = await callThatThrows(refuseCall(Code.InvalidArgument, "no"));
    const second = await callThatThrows(refuseCall(Code.InvalidArgument, "no"));
    const id = first.error.metadata.get(REFERENCE_HEADER);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(first.entries[0]?.[1]["referenceId"]).toBe(id);
    expect(second.error.metadata.get(REFERENCE_HEADER)).not.toBe(id);
  });

  it("says nothing about a bug to the caller, and everything to the log", async () => {
    const bug = new Error("secret path /etc/x");
    const { error, entries } = await callThatThrows(bug);
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe("internal error");
    expect(entries).toMatchObject([["error", { err: bug }, "call failed"]]);
  });

  it("tells the caller when to come again if nobody can tell now, and the log why", async () => {
    const { error, entries } = await callThatThrows(new Unavailable("cannot check tokens now", "https://a is down"));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toBe("cannot check tokens now");
    expect(error.metadata.get("retry-after")).toBe("5");
    expect(entries).toMatchObject([["warn", { code: "Unavailable", detail: "https://a is down" }, "call refused"]]);
  });

  it("calls it an outage when the server does not know what it has signed or revoked", async () => {
    const { error, entries } = await callThatThrows(
      new TrustUnavailable("STALE", "the signing keys are not known now"),
    );
    expect([error.code, error.metadata.get("retry-after")]).toEqual([Code.Unavailable, "5"]);
    expect(entries).toMatchObject([["warn", { code: "Unavailable" }, "call refused"]]);
  });

  it("passes an RPC error on as it is, with a reference id", async () => {
    const { error } = await callThatThrows(new ConnectError("later", Code.Unavailable));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.metadata.get(REFERENCE_HEADER)).toMatch(/^[0-9a-f]{16}$/);
  });
});

it("answers what a handler throws in the middle of a stream in the same way", async () => {
  const entries: Entry[] = [];
  const note = (fields: Record<string, unknown>, message: string) => void entries.push(["warn", fields, message]);
  const log = { info: note, warn: note, error: note };
  const transport = createRouterTransport(
    ({ rpc }) =>
      void rpc(Operator.method.exportAudit, async function* () {
        yield { lines: ["one"] };
        throw refuseCall(Code.InvalidArgument, "no such kind", "the detail");
      }),
    { router: { interceptors: [answerErrors(reports({ log }))] } },
  );
  const lines: string[] = [];
  const reading = (async () => {
    for await (const page of createClient(Operator, transport).exportAudit({})) lines.push(...page.lines);
  })();
  await expect(reading).rejects.toMatchObject({ code: Code.InvalidArgument, rawMessage: "no such kind" });
  expect(lines).toEqual(["one"]);
  expect(entries).toMatchObject([["warn", { detail: "the detail" }, "call refused"]]);
});

describe("what is kept of a refusal", () => {
  const none = { identity: "anonymous:anonymous", peer: "anonymous:anonymous" };

  /** How a refused call of somebody is kept: recorded, or only counted. */
  async function keptOf(caller: Caller, listener: ListenerName): Promise<string[]> {
    const kept: string[] = [];
    const recorder = { ...noRecorder, note: () => void kept.push("recorded"), count: () => void kept.push("counted") };
    const arrive: Interceptor = (next) => (request) => {
      request.contextValues.set(callerKey, caller).set(listenerKey, listener);
      return next(request);
    };
    const transport = createRouterTransport(
      ({ rpc }) =>
        void rpc(TokenMinter.method.mintDelegationToken, () => {
          throw refuseCall(Code.PermissionDenied, "not you");
        }),
      { router: { interceptors: [answerErrors(reports({ recorder })), arrive] } },
    );
    await createClient(TokenMinter, transport)
      .mintDelegationToken({})
      .catch(() => undefined);
    return kept;
  }

  it("is a count for strangers, however they were found to be strangers: they could fill the log", async () => {
    expect(await keptOf({ ...none }, "public")).toEqual(["counted"]);
  });

  it("is a record for who is known, as caller or as peer, and for operators of this machine", async () => {
    expect(await keptOf({ identity: "user:a@example.com", peer: "user:a@example.com" }, "public")).toEqual([
      "recorded",
    ]);
    expect(await keptOf({ ...none, peer: "bot:host-1.example.com" }, "public")).toEqual(["recorded"]);
    expect(await keptOf({ ...none }, "admin")).toEqual(["recorded"]);
  });
});
