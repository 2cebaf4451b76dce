import { create, fromJsonString, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { createAsyncIterable, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { MintMachineTokenRequestSchema, MintMachineTokenResponseSchema, TokenMinter } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { REFERENCE_HEADER } from "../errors.js";
import { reports } from "../../test/reports.js";
import { answerErrors } from "./answer-errors.js";
import { peerAddressKey } from "./peer.js";
import { prpcHandler } from "./prpc.js";

type Entry = [level: string, fields: Record<string, unknown>, message: string];

const path = "/prpc/tokenserver.minter.TokenMinter/MintMachineToken";
const json = { "content-type": "application/json", accept: "application/json" };

interface Call {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** A handler behind pRPC, and a way to call it. */
function serve(
  implementation: (request: object, context: HandlerContext) => object,
  options: ConnectRouterOptions = {},
  own: ConnectRouterOptions = {},
) {
  const entries: Entry[] = [];
  const note = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void entries.push([level, fields, message]);
  const log = { info: note("info"), warn: note("warn"), error: note("error") };
  const routes = (router: ConnectRouter) => {
    router.service(TokenMinter, {});
    router.rpc(TokenMinter.method.mintMachineToken, implementation, own);
  };
  const handle = prpcHandler(routes, options, log);
  const call = async (given: Call = {}) => {
    const response = await handle({
      httpVersion: "1.1",
      url: `http://a${given.path ?? path}`,
      method: given.method ?? "POST",
      header: new Headers(given.headers ?? json),
      body: createAsyncIterable([Buffer.from(given.body ?? "{}")]),
      signal: new AbortController().signal,
      contextValues: createContextValues().set(peerAddressKey, "10.1.2.3"),
    });
    return { ...response, text: await textOf(response), code: response.header?.get("x-prpc-grpc-code") };
  };
  return { call, entries, log };
}

async function textOf({ body }: UniversalServerResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

const versioned = () => ({ serviceVersion: "v" });

describe("a call in pRPC", () => {
  it("reaches the handler and brings back its answer and headers", async () => {
    const seen: unknown[] = [];
    const { call } = serve((request, context) => {
      seen.push(request, context.requestHeader.get("x-mine"), context.values.get(peerAddressKey), context.protocolName);
      context.responseHeader.set("X-Yours", "yes");
      context.responseHeader.set("Content-Type", "text/html");
      return versioned();
    });
    const answer = await call({ headers: { ...json, "X-Mine": "yes" }, body: '{"signature":"AQI="}' });
    expect(answer).toMatchObject({ status: 200, code: "0", text: ')]}\'\n{"serviceVersion":"v"}\n' });
    expect(Object.fromEntries(answer.header ?? [])).toMatchObject({
      "x-yours": "yes",
      "content-type": "application/json",
    });
    const request = create(MintMachineTokenRequestSchema, { signature: Uint8Array.of(1, 2) });
    expect(seen).toEqual([request, "yes", "10.1.2.3", "prpc"]);
  });

  it("runs through the interceptors, whose errors it shows", async () => {
    const { call } = serve(versioned, {
      interceptors: [
        (next) => (request) =>
          request.header.has("authorization")
            ? next(request)
            : Promise.reject(new ConnectError("who?", Code.Unauthenticated)),
      ],
    });
    expect(await call()).toMatchObject({ status: 401, code: "16", text: "who?\n" });
    expect(await call({ headers: { ...json, authorization: "x" } })).toMatchObject({ status: 200 });
  });

  it("has the limits that a method was registered with, or else those of all", async () => {
    const body = (size: number) => `{${" ".repeat(size - 2)}}`;
    const own = serve(versioned, { readMaxBytes: 1000 }, { readMaxBytes: 100 });
    expect(await own.call({ body: body(100) })).toMatchObject({ status: 200 });
    expect(await own.call({ body: body(101) })).toMatchObject({ status: 503, code: "14" });
    const common = serve(versioned, { readMaxBytes: 1000 });
    expect(await common.call({ body: body(1000) })).toMatchObject({ status: 200 });
    expect(await common.call({ body: body(1001) })).toMatchObject({ status: 503, code: "14" });
  });

  it.each([
    [{}, 30_000],
    [{ "x-prpc-grpc-timeout": "10S" }, 10_000],
    [{ "x-prpc-grpc-timeout": "60000000u" }, 30_000],
    [{ "x-prpc-grpc-timeout": "9223372036854775807H" }, 30_000],
    [{ "x-prpc-grpc-timeout": "-1S" }, 0],
  ])("has a deadline, which is clamped (%j)", async (headers, expected) => {
    let left = 0;
    let aborted = false;
    const { call } = serve((_, context) => {
      left = context.timeoutMs() ?? Number.NaN;
      aborted = context.signal.aborted;
      return versioned();
    });
    expect(await call({ headers: { ...json, ...headers } })).toMatchObject({ status: 200 });
    expect(left).toBeLessThanOrEqual(expected);
    expect(left).toBeGreaterThan(expected - 5_000);
    expect(aborted).toBe(expected === 0);
  });

  it("leaves nothing running", async () => {
    let signal: AbortSignal | undefined;
    const { call } = serve((_, context) => {
      signal = context.signal;
      return versioned();
    });
    await call();
    expect(signal?.aborted).toBe(true);
  });

  it("compresses a big answer for those who take it", async () => {
    const { call } = serve(() => ({ serviceVersion: "v".repeat(2000) }));
    const answer = await call({ headers: { ...json, "accept-encoding": "gzip" } });
    expect(answer.header?.get("content-encoding")).toBe("gzip");
    expect(Number(answer.header?.get("content-length"))).toBeLessThan(200);
    expect((await call()).text).toHaveLength(2000 + ')]}\'\n{"serviceVersion":""}\n'.length);
  });

  it("is refused when its answer is larger than the client takes", async () => {
    const { call } = serve(versioned);
    const size = ')]}\'\n{"serviceVersion":"v"}\n'.length;
    const limited = (limit: number) => call({ headers: { ...json, "x-prpc-max-response-size": String(limit) } });
    expect(await limited(size)).toMatchObject({ status: 200 });
    const refused = await limited(size - 1);
    expect(refused).toMatchObject({ status: 503, code: "14" });
    expect(refused.header?.has("x-prpc-status-details-bin")).toBe(true);
  });
});

describe("a refusal in pRPC", () => {
  it("never repeats the body", async () => {
    const { call, entries } = serve(versioned);
    const secret = "CkQKGGhvc3QtMS5mbGVldC5leGFtcGxlLmNvbRIZ";
    for (const type of ["application/json", "application/prpc; encoding=text", "application/prpc"]) {
      const answer = await call({ headers: { "content-type": type }, body: `}${secret}` });
      expect(answer).toMatchObject({ status: 400, code: "3" });
      expect(answer.text).toContain("could not decode body: it is no tokenserver.minter.MintMachineTokenRequest");
      expect(answer.text).not.toContain(secret.slice(0, 8));
    }
    expect(JSON.stringify(entries)).not.toContain(secret.slice(0, 8));
  });

  it("bears a reference id, which the log has too", async () => {
    const { call, entries } = serve(versioned);
    const answer = await call({ headers: { "content-type": "text/plain" } });
    const referenceId = answer.header?.get(REFERENCE_HEADER);
    expect(referenceId).toMatch(/^[0-9a-f]{16}$/);
    const fields = { method: "MintMachineToken", peer: "10.1.2.3", referenceId, code: "InvalidArgument" };
    expect(entries).toMatchObject([["warn", fields, "call refused"]]);
  });

  it("keeps the reference id that the interceptors gave it, and is logged once", async () => {
    const entries: Entry[] = [];
    const note = (fields: Record<string, unknown>, message: string) => void entries.push(["warn", fields, message]);
    const interceptors = [answerErrors(reports({ log: { info: note, warn: note, error: note } }))];
    const served = serve(
      () => {
        throw new ConnectError("no such CA", Code.NotFound);
      },
      { interceptors },
    );
    const answer = await served.call();
    expect(answer).toMatchObject({ status: 404, code: "5", text: "no such CA\n" });
    expect(entries).toMatchObject([["warn", { referenceId: answer.header?.get(REFERENCE_HEADER) }, "call refused"]]);
    expect(served.entries).toEqual([]);
  });

  it("says nothing about a bug to the caller, and everything to the log", async () => {
    const bug = new Error("secret path /etc/x");
    const { call, entries } = serve(() => {
      throw bug;
    });
    expect(await call()).toMatchObject({ status: 500, code: "13", text: "Internal server error\n" });
    expect(entries).toMatchObject([["error", { err: bug }, "call failed"]]);
  });
});

describe("a path of pRPC", () => {
  const { call } = serve(versioned);

  it.each<[string, string, number, object?]>([
    ["OPTIONS", path, 200],
    ["OPTIONS", "/prpc/a.B/C", 200],
    ["GET", path, 405, { allow: "OPTIONS, POST" }],
    ["HEAD", path, 405],
    ["PUT", path, 405],
    ["POST", `${path}/`, 307, { location: path }],
    ["POST", `${path}?alt=json`, 200],
    ["POST", `${path}/x`, 404],
    ["POST", "/prpc/tokenserver.minter.TokenMinter", 404],
    ["POST", "/prpc/tokenserver.minter.TokenMinter/", 404],
    ["POST", "/prpc/", 404],
    ["POST", "/prpc/a/../../etc", 404],
    ["POST", path.toLowerCase(), 501],
    ["POST", "/prpc/a.B/C", 501],
    ["POST", "/prpc/tokenserver.minter.TokenMinter/MintDelegationToken", 501],
    ["POST", "/prpc/__proto__/constructor", 501],
  ])("%s %s is answered with %i", async (method, given, status, headers = {}) => {
    const answer = await call({ method, path: given });
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.header ?? [])).toMatchObject(headers);
    if (status === 501)
      expect(answer).toMatchObject({ code: "12", text: "API method not implemented by the server\n" });
  });
});

it("takes all three formats in and gives all three out", async () => {
  const { call } = serve((request) => ({
    serviceVersion: Buffer.from((request as { signature: Uint8Array }).signature).toString("hex"),
  }));
  const request = create(MintMachineTokenRequestSchema, { signature: Uint8Array.of(1, 2) });
  const bodies: [string, string | Uint8Array][] = [
    ["application/prpc; encoding=binary", toBinary(MintMachineTokenRequestSchema, request)],
    ["application/json", '{"signature":"AQI="}'],
    ["application/prpc; encoding=text", 'signature: "\\x01\\x02"'],
  ];
  for (const [type, body] of bodies) {
    for (const [accept] of bodies) {
      const answer = await call({ headers: { "content-type": type, accept }, body });
      expect(answer.header?.get("content-type")).toBe(accept);
      expect(answer.text).toContain("0102");
    }
  }
  const { text } = await call({ body: '{"signature":"AQI="}' });
  expect(fromJsonString(MintMachineTokenResponseSchema, text.slice(5)).serviceVersion).toBe("0102");
});
