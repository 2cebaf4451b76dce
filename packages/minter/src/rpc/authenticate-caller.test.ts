import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { describe, expect, it } from "vitest";
import type { Caller, IncomingCall } from "../access/caller.js";
import { refuseCall, Unavailable } from "../errors.js";
import { reports } from "../../test/reports.js";
import { answerErrors } from "./answer-errors.js";
import { authenticateCaller } from "./authenticate-caller.js";
import { callerKey, clientCertificateKey, repeatedHeadersKey } from "./caller.js";

const alice: Caller = { identity: "user:alice@example.com", peer: "bot:a.b" };

/** A call through the interceptor, and what came of it. */
function callWith(
  identify: (call: IncomingCall) => Promise<Caller>,
  arrive: Interceptor = (next) => next,
  headers: Record<string, string> = { authorization: "Bearer t" },
) {
  let served: Caller | undefined;
  const transport = createRouterTransport(
    ({ rpc }) =>
      void rpc(TokenMinter.method.mintMachineToken, (_, { values }) => {
        served = values.get(callerKey);
        return {};
      }),
    { router: { interceptors: [answerErrors(reports()), arrive, authenticateCaller(identify, () => 7000)] } },
  );
  return createClient(TokenMinter, transport)
    .mintMachineToken({}, { headers })
    .then(
      () => served,
      (error: unknown) => ({ error: ConnectError.from(error), served }),
    );
}

describe("authenticateCaller", () => {
  it("tells handlers who calls", async () => {
    expect(await callWith(async () => alice)).toEqual(alice);
  });

  it("asks nobody about a call that says nothing of who makes it: that one has no rights", async () => {
    expect(await callWith(() => Promise.reject(new Error("asked")), undefined, { accept: "*/*" })).toEqual({
      identity: "anonymous:anonymous",
      peer: "anonymous:anonymous",
    });
  });

  it.each(["authorization", "x-luci-machine-token", "x-delegation-token-v1", "x-luci-project"])(
    "asks about a call with the header %s, even an empty one",
    async (name) => {
      expect(await callWith(async () => alice, undefined, { [name]: "" })).toEqual(alice);
    },
  );

  it("asks about a call with nothing but a client's certificate", async () => {
    const certified: Interceptor = (next) => (request) => {
      request.contextValues.set(clientCertificateKey, Uint8Array.of(1));
      return next(request);
    };
    expect(await callWith(async () => alice, certified, {})).toEqual(alice);
  });

  it("sees the headers, the certificate and the time of the call", async () => {
    const certificate = Uint8Array.of(1);
    const calls: IncomingCall[] = [];
    await callWith(
      async (call) => {
        calls.push(call);
        return alice;
      },
      (next) => (request) => {
        request.contextValues.set(clientCertificateKey, certificate);
        return next(request);
      },
    );
    expect(calls).toMatchObject([{ clientCertificate: certificate, nowMs: 7000 }]);
    expect(calls[0]?.headers.get("authorization")).toBe("Bearer t");
  });

  it.each([
    ["a bad credential", refuseCall(Code.Unauthenticated, "bad"), Code.Unauthenticated],
    ["one that cannot be checked now", new Unavailable("later"), Code.Unavailable],
  ])("serves no call with %s", async (_, error, code) => {
    expect(await callWith(() => Promise.reject(error))).toMatchObject({ error: { code }, served: undefined });
  });

  it.each(["authorization", "x-luci-machine-token", "x-luci-project", "x-delegation-token-v1"])(
    "refuses two %s headers: which one counts?",
    async (name) => {
      const twice: Interceptor = (next) => (request) => {
        request.contextValues.set(repeatedHeadersKey, new Set(["accept", name]));
        return next(request);
      };
      expect(await callWith(async () => alice, twice)).toMatchObject({ error: { code: Code.Unauthenticated } });
    },
  );

  it("does not mind other headers that are there twice", async () => {
    const twice: Interceptor = (next) => (request) => {
      request.contextValues.set(repeatedHeadersKey, new Set(["accept"]));
      return next(request);
    };
    expect(await callWith(async () => alice, twice)).toEqual(alice);
  });
});
