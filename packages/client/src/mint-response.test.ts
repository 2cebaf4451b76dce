import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { encodeMachineToken, encodeMachineTokenBody } from "@tokens/machine-auth/machine-token";
import { ErrorCode, MintMachineTokenResponseSchema } from "@tokens/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MintError } from "./errors.js";
import { encodeAudience } from "./machine-token-request.js";
import { readMintResponse, requireAudience } from "./mint-response.js";

const bytesOf = (response: MessageInitShape<typeof MintMachineTokenResponseSchema>) =>
  toBinary(MintMachineTokenResponseSchema, create(MintMachineTokenResponseSchema, response));

function errorOf(bytes: Uint8Array): MintError {
  try {
    readMintResponse(bytes);
  } catch (error) {
    if (error instanceof MintError) return error;
    throw error;
  }
  throw new Error("it was read");
}

describe("readMintResponse", () => {
  it("reads what the protobuf library writes", () => {
    const seconds = fc.bigInt(0n, 253_402_300_799n);
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), seconds, fc.string(), (machineToken, expiry, serviceVersion) => {
        const value = { machineToken, expiry: { seconds: expiry, nanos: 5 } };
        const tokenResponse = { serviceVersion, tokenType: { case: "luciMachineToken" as const, value } };
        const minted = readMintResponse(bytesOf({ tokenResponse, serviceVersion: "other" }));
        expect(minted).toEqual({ token: machineToken, expirySeconds: Number(expiry), serviceVersion });
      }),
    );
  });

  it("skips fields that it does not know", () => {
    const value = { machineToken: "t" };
    const known = bytesOf({ tokenResponse: { tokenType: { case: "luciMachineToken", value } } });
    const unknown = Buffer.from("c23e0161c83e05cd3e00000000c93e0000000000000000", "hex");
    expect(readMintResponse(Buffer.concat([unknown, known, unknown])).token).toBe("t");
  });

  it.each([
    [ErrorCode.UNTRUSTED_CERTIFICATE, "UNTRUSTED_CERTIFICATE"],
    [ErrorCode.MACHINE_TOKEN_MINTING_ERROR, "MACHINE_TOKEN_MINTING_ERROR"],
    [ErrorCode.REPLAYED_REQUEST, "REPLAYED_REQUEST"],
    [ErrorCode.BAD_NONCE, "BAD_NONCE"],
    [ErrorCode.WRONG_SERVER_NAME, "WRONG_SERVER_NAME"],
    [ErrorCode.BAD_AUDIENCE, "BAD_AUDIENCE"],
    [77, "77"],
  ])("says why the server refused (%i)", (errorCode, name) => {
    const error = errorOf(bytesOf({ errorCode, errorMessage: "why", serviceVersion: "v" }));
    expect(error).toMatchObject({ code: "REFUSED", errorCode: name, serviceVersion: "v" });
    expect(error.message).toBe(`token server error ${name} - why`);
  });

  it("keeps the name of the refusal in the server's log", () => {
    const error = errorOf(bytesOf({ errorCode: 5, errorMessage: "why", referenceId: "0123456789abcdef" }));
    expect(error.referenceId).toBe("0123456789abcdef");
    expect(error.message).toBe("token server error BAD_SIGNATURE - why (reference 0123456789abcdef)");
  });

  it("has words for a refusal without any", () => {
    expect(errorOf(bytesOf({ errorCode: 5 })).message).toBe(
      "token server error BAD_SIGNATURE - no detailed error message",
    );
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["no token", bytesOf({ tokenResponse: { serviceVersion: "v" } })],
    ["an empty token", bytesOf({ tokenResponse: { tokenType: { case: "luciMachineToken", value: {} } } })],
    ["a refusal that is no text", Buffer.from("08051201ff", "hex")],
    ["garbage", Buffer.from("ffff", "hex")],
    ["a message that is cut short", Buffer.from("1a05", "hex")],
    ["a field without a number", Buffer.from("0000", "hex")],
    ["a group", Buffer.from("0b", "hex")],
  ])("cannot do with %s", (_, bytes) => {
    expect(errorOf(bytes).code).toBe("BAD_RESPONSE");
  });

  it("throws nothing but MintError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          readMintResponse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MintError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("requireAudience", () => {
  const mintedFor = (...audience: string[]) => {
    const body = { machineFqdn: "a.b", issuedBy: "x@y.z", issuedAt: 1, lifetime: 60, caId: 1n, certSn: "01", audience };
    const envelope = { tokenBody: encodeMachineTokenBody(body), keyId: "k", rsaSha256: Buffer.alloc(256) };
    return { token: encodeMachineToken(envelope), expirySeconds: 61, serviceVersion: "v" };
  };

  it("takes a token for the services that were asked for, and any token when none were", () => {
    for (const audience of [[], ["service:a"], ["service:a", "service:b"]]) {
      expect(requireAudience(mintedFor(...audience), audience)).toEqual(mintedFor(...audience));
    }
    expect(requireAudience(mintedFor("service:a"))).toEqual(mintedFor("service:a"));
    expect(requireAudience({ ...mintedFor(), token: "odd" }).token).toBe("odd");
  });

  it.each([
    [[]],
    [["service:b"]],
    [["service:a", "service:b"]],
    [["service:b", "service:a"]],
    [["service:a", "service:a"]],
  ])("refuses a token for %j instead of a", (audience) => {
    expect(() => requireAudience(mintedFor(...audience), ["service:a"])).toThrow(
      expect.objectContaining({ code: "BAD_RESPONSE", serviceVersion: "v" }),
    );
  });

  it("refuses a token that has those bytes in another field", () => {
    const body = Buffer.concat([Buffer.from("120c", "hex"), encodeAudience(["service:a"])]);
    const envelope = { tokenBody: body, keyId: "k", rsaSha256: Buffer.alloc(256) };
    const minted = { token: encodeMachineToken(envelope), expirySeconds: 61, serviceVersion: "v" };
    expect(() => requireAudience(minted, ["service:a"])).toThrow(expect.objectContaining({ code: "BAD_RESPONSE" }));
  });

  it("refuses what is no token when services were asked for", () => {
    expect(() => requireAudience({ ...mintedFor(), token: "????" }, ["service:a"])).toThrow(MintError);
  });
});
