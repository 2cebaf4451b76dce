import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Interceptor } from "@connectrpc/connect";
import {
  MintMachineTokenRequestSchema,
  type MintMachineTokenResponse,
  MintMachineTokenResponseSchema,
  TokenMinter,
} from "@tokens/api";
import { describe, expect, it, vi } from "vitest";
import { type DirectlyServed, type DirectMethod, directMethods } from "./direct-call.js";

const PATH = "/tokenserver.minter.TokenMinter/MintMachineToken";
const binary = { "content-type": "application/proto" };
const response = (serviceVersion: string) => create(MintMachineTokenResponseSchema, { serviceVersion });

const encode = (message: MintMachineTokenResponse) => toBinary(MintMachineTokenResponseSchema, message);

function methodOf(
  implementation: (request: object, context: HandlerContext) => object,
  interceptors: Interceptor[] = [],
  decode: DirectlyServed["decode"] = () => undefined,
): DirectMethod {
  const routes = (router: ConnectRouter) => {
    router.service(TokenMinter, {});
    router.rpc(TokenMinter.method.mintMachineToken, implementation, { readMaxBytes: 1000 });
  };
  const served = [{ method: TokenMinter.method.mintMachineToken, decode, encode }];
  const methods = directMethods(routes, { interceptors }, served);
  expect([...methods.keys()]).toEqual([PATH]);
  return methods.get(PATH) ?? expect.fail();
}

/** Calls the method; `gone` tells how often somebody asked whether the client is still there. */
async function call(method: DirectMethod, headers: Record<string, string> = binary, body = Buffer.alloc(0)) {
  const client = new AbortController();
  let asked = 0;
  const gone = () => {
    asked++;
    return client.signal;
  };
  const header = new Headers(headers);
  const answer = await method.answer({
    url: () => `http://a${PATH}`,
    header,
    body,
    values: createContextValues(),
    gone,
  });
  return { ...answer, asked };
}

describe("a direct call", () => {
  it("is read by the method's own reader where that can, and by protobuf-es where not", async () => {
    const own = create(MintMachineTokenRequestSchema, { signature: Uint8Array.of(1) });
    const signatures: number[][] = [];
    const method = methodOf(
      (request) => {
        signatures.push([...(request as typeof own).signature]);
        return {};
      },
      [],
      (body) => (body.length === 0 ? own : undefined),
    );
    await call(method);
    await call(method, binary, Buffer.of(0x12, 1, 2));
    await call(method, { "content-type": "application/json" }, Buffer.from("{}"));
    expect(signatures).toEqual([[1], [2], []]);
  });

  it("is plain by its headers alone", () => {
    const method = methodOf(() => ({}));
    const plain = { "content-type": "application/proto", "content-length": "1000" };
    expect(method.isPlain(plain)).toBe(true);
    expect(method.isPlain({ ...plain, "content-type": "application/json" })).toBe(true);
    const others = [
      { "content-length": "1001" },
      { "content-length": undefined },
      { "content-length": "1e2" },
      { "content-type": "application/grpc" },
      { "content-type": undefined },
      { "content-encoding": "gzip" },
      { "transfer-encoding": "chunked" },
      { "connect-timeout-ms": "soon" },
      { "set-cookie": ["a=b"] },
    ];
    for (const other of others) expect(method.isPlain({ ...plain, ...other }), JSON.stringify(other)).toBe(false);
  });

  it("shows the handler what interceptors made of it, and the interceptors what it answered", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const changed = { ...request, header: new Headers({ "x-added": "1" }) } as typeof request;
      const answer = await next(changed);
      seen.push(answer.header.get("x-from-handler"), answer.trailer.get("x-last"));
      return { ...answer, header: new Headers({ "x-from-interceptor": "2" }) };
    };
    const method = methodOf(
      (_, context) => {
        seen.push(context.requestHeader.get("x-added"), context.protocolName, context.method.name);
        context.responseHeader.set("x-from-handler", "1");
        context.responseTrailer.set("x-last", "3");
        return response("v");
      },
      [interceptor],
    );
    const { status, headers, body } = await call(method);
    expect(seen).toEqual(["1", "connect", "MintMachineToken", "1", "3"]);
    expect(status).toBe(200);
    expect(headers).toEqual({
      "content-length": "3",
      "content-type": "application/proto",
      "trailer-x-last": "3",
      "x-from-handler": "1",
      "x-from-interceptor": "2",
    });
    expect(fromBinary(MintMachineTokenResponseSchema, body).serviceVersion).toBe("v");
  });

  it("has the deadline that its caller announced, and a signal for those who ask for it", async () => {
    const contexts: HandlerContext[] = [];
    const method = methodOf((_, context) => {
      contexts.push(context);
      return {};
    });
    expect(await call(method)).toMatchObject({ status: 200, asked: 0 });
    expect(contexts[0]?.timeoutMs()).toBeUndefined();
    const signals: AbortSignal[] = [];
    const asking = methodOf((_, context) => {
      signals.push(context.signal);
      expect(context.signal.aborted).toBe(false);
      expect(context.timeoutMs()).toBeLessThanOrEqual(600_000);
      expect(context.timeoutMs()).toBeGreaterThan(0);
      return {};
    });
    expect(await call(asking, { ...binary, "connect-timeout-ms": "600000" })).toMatchObject({ status: 200, asked: 1 });
    expect(signals[0]?.aborted).toBe(true);
  });

  it("says nothing of a bug, and as much of an error as it says itself", async () => {
    const bug = methodOf(() => {
      throw new TypeError("a secret");
    });
    const refusing = methodOf(() => {
      throw new ConnectError("no", Code.PermissionDenied, { "x-why": "because" });
    });
    const unreadable = toBinary(MintMachineTokenRequestSchema, create(MintMachineTokenRequestSchema));
    expect(Buffer.from((await call(bug, binary, Buffer.from(unreadable))).body).toString()).toBe(
      '{"code":"internal","message":"internal error"}',
    );
    const { status, headers, body } = await call(refusing);
    expect([status, headers["x-why"], Buffer.from(body).toString()]).toEqual([
      403,
      "because",
      '{"code":"permission_denied","message":"no"}',
    ]);
  });

  it.each([{}, { "connect-timeout-ms": "60000" }, { "connect-timeout-ms": "9999999999" }])(
    "is told to give up when no call may take longer, whatever its client waits for (%j)",
    async (announced) => {
      vi.useFakeTimers();
      const aborted: boolean[] = [];
      const method = methodOf((_, { signal }) => {
        for (const ms of [29_999, 1]) {
          vi.advanceTimersByTime(ms);
          aborted.push(signal.aborted);
        }
        return response("v");
      });
      await call(method, { ...binary, ...announced }).finally(() => vi.useRealTimers());
      expect(aborted).toEqual([false, true]);
    },
  );
});
