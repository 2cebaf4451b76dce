import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { beforeAll, describe, expect, it } from "vitest";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, type MachineKey, TokenClient } from "./index.js";

let key: MachineKey;
beforeAll(async () => {
  const { keyPem, certificatePem } = await makeKeyFiles();
  key = loadMachineKey(keyPem, certificatePem);
});

const clientOf = (answer: () => object) =>
  new TokenClient(createRouterTransport(({ rpc }) => void rpc(TokenMinter.method.mintMachineToken, answer)));

describe("TokenClient", () => {
  it("mints over any transport", async () => {
    const tokenType = { case: "luciMachineToken", value: { machineToken: "t", expiry: { seconds: 7n } } };
    const client = clientOf(() => ({ tokenResponse: { serviceVersion: "v", tokenType } }));
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
  ])("tells what RPC code %i means for the caller", async (grpcCode, code) => {
    const client = clientOf(() => {
      throw new ConnectError("words", grpcCode);
    });
    await expect(client.mintMachineToken(key)).rejects.toMatchObject({ code, grpcCode });
  });
});
