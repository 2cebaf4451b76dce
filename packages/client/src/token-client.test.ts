import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { fromBinary } from "@bufbuild/protobuf";
import { ErrorCode, MachineTokenRequestSchema, type MintMachineTokenRequest, TokenMinter } from "@tokens/api";
import { beforeAll, describe, expect, it } from "vitest";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, type MachineKey, MintError, TokenClient } from "./index.js";

let key: MachineKey;
beforeAll(async () => {
  const { keyPem, certificatePem } = await makeKeyFiles();
  key = loadMachineKey(keyPem, certificatePem);
});

const clientOf = (answer: (request: MintMachineTokenRequest, context: HandlerContext) => object | Promise<object>) =>
  new TokenClient(createRouterTransport(({ rpc }) => void rpc(TokenMinter.method.mintMachineToken, answer)));

const tokenType = { case: "luciMachineToken" as const, value: { machineToken: "t", expiry: { seconds: 7n } } };
const good = { tokenResponse: { serviceVersion: "v", tokenType } };

/** Fails this often before it answers, and keeps what it was asked. */
function flaky(failures: number) {
  const requests: MintMachineTokenRequest[] = [];
  const client = clientOf((request) => {
    requests.push(request);
    if (requests.length <= failures) throw new ConnectError("down", Code.Unavailable);
    return good;
  });
  return { client, requests };
}

describe("TokenClient.mintMachineToken", () => {
  it("mints over any transport", async () => {
    const client = clientOf(() => good);
    expect(await client.mintMachineToken(key)).toEqual({ token: "t", expirySeconds: 7, serviceVersion: "v" });
  });

  it("says why the server refused", async () => {
    const client = clientOf(() => ({ errorCode: ErrorCode.BAD_TIMESTAMP, errorMessage: "late" }));
    await expect(client.mintMachineToken(key)).rejects.toMatchObject({ code: "REFUSED", errorCode: "BAD_TIMESTAMP" });
  });

  it.each([
    [Code.Unavailable, "UNAVAILABLE"],
    [Code.Internal, "UNAVAILABLE"],
    [Code.PermissionDenied, "REFUSED"],
    [Code.Unimplemented, "REFUSED"],
    [Code.Canceled, "REFUSED"],
  ])("tells what RPC code %i means for the caller", async (grpcCode, code) => {
    const client = clientOf(() => {
      throw new ConnectError("words", grpcCode);
    });
    await expect(client.mintMachineToken(key, { attempts: 1 })).rejects.toMatchObject({ code, grpcCode });
  });

  it("sends the same request again while the server is not well", async () => {
    const { client, requests } = flaky(2);
    const heard: number[] = [];
    await client.mintMachineToken(key, { onRetry: (_, delayMs) => heard.push(Math.round(delayMs)) });
    expect(heard).toEqual([200, 300]);
    expect(new Set(requests.map(({ signature }) => Buffer.from(signature).toString("hex"))).size).toBe(1);
  });

  it("signs anew for each attempt when the request is for one call only", async () => {
    const { client, requests } = flaky(1);
    await client.mintMachineToken(key, { serverName: "s" });
    const nonces = requests.map(
      ({ serializedTokenRequest }) => fromBinary(MachineTokenRequestSchema, serializedTokenRequest).nonce,
    );
    expect(nonces).toHaveLength(2);
    expect(nonces[0]).not.toEqual(nonces[1]);
  });

  it.each([
    ["its time", () => ({ timeoutMs: 50 }), 4],
    ["a signal", () => ({ signal: AbortSignal.timeout(50) }), 1],
  ])("ends a server that hangs by %s", async (_, options, grpcCode) => {
    const client = clientOf(
      (_request, { signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
    );
    await expect(client.mintMachineToken(key, options())).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode });
  });

  it("does not repeat what its key cannot sign", async () => {
    const broken = { ...key, sign: () => Promise.reject(new Error("the card was pulled")) };
    await expect(flaky(0).client.mintMachineToken(broken, { serverName: "s" })).rejects.toThrow("the card was pulled");
  });
});

describe("the other RPCs", () => {
  const echo = (asked: Record<string, unknown>[]) =>
    new TokenClient(
      createRouterTransport(({ service }) => {
        const note = (rpc: string, request: object, { requestHeader }: HandlerContext) =>
          asked.push({ rpc, request, credential: requestHeader.get("authorization") });
        service(TokenMinter, {
          mintDelegationToken: (request, context) => (note("delegation", request, context), { token: "d" }),
          mintProjectToken: (request, context) => (note("project", request, context), { accessToken: "p" }),
          mintServiceAccountToken: (request, context) => (note("account", request, context), { token: "a" }),
        });
      }),
    );

  it("carry the request and the caller's credential", async () => {
    const asked: Record<string, unknown>[] = [];
    const client = echo(asked);
    const options = { headers: { Authorization: "Bearer x" } };
    const delegation = await client.mintDelegationToken({ delegatedIdentity: "user:a@example.com" }, options);
    const project = await client.mintProjectToken({ luciProject: "p" }, options);
    const account = await client.mintServiceAccountToken({ realm: "p:r" });
    expect([delegation.token, project.accessToken, account.token]).toEqual(["d", "p", "a"]);
    expect(asked).toMatchObject([
      { rpc: "delegation", request: { delegatedIdentity: "user:a@example.com" }, credential: "Bearer x" },
      { rpc: "project", request: { luciProject: "p" }, credential: "Bearer x" },
      { rpc: "account", request: { realm: "p:r" }, credential: null },
    ]);
  });

  it("reject with typed errors and are repeated like the first", async () => {
    let calls = 0;
    const client = new TokenClient(
      createRouterTransport(({ rpc }) =>
        rpc(TokenMinter.method.mintProjectToken, () => {
          throw new ConnectError("words", ++calls === 1 ? Code.Unavailable : Code.PermissionDenied);
        }),
      ),
    );
    const failure = await client.mintProjectToken({}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MintError);
    expect(failure).toMatchObject({ code: "REFUSED", grpcCode: Code.PermissionDenied });
    expect(calls).toBe(2);
  });
});
