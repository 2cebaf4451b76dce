import { MintError } from "@tokens/client/machine-token";
import { describe, expect, it } from "vitest";
import { outcomeOf, serverUrl } from "./mint-token.js";

describe("serverUrl", () => {
  it.each([
    ["tokens.example.com", "https://tokens.example.com"],
    ["tokens.example.com:8443", "https://tokens.example.com:8443"],
    ["localhost:80", "http://localhost:80"],
    ["127.0.0.1:80", "http://127.0.0.1:80"],
    ["localhost", "https://localhost"],
    ["[::1]:80", "https://[::1]:80"],
    ["localhost.example.com:80", "https://localhost.example.com:80"],
  ])("%s is %s", (backend, url) => expect(serverUrl(backend)).toBe(url));
});

describe("outcomeOf", () => {
  it.each([
    [new MintError("REFUSED", "", { errorCode: "BAD_SIGNATURE" }), "MINT_TOKEN_ERROR_BAD_SIGNATURE"],
    [new MintError("REFUSED", "", { errorCode: "77" }), "MINT_TOKEN_ERROR_77"],
    [new MintError("REFUSED", "", { grpcCode: 16 }), "GRPC_ERROR_16"],
    [new MintError("UNAVAILABLE", "", { grpcCode: 4 }), "GRPC_ERROR_4"],
    [new MintError("UNAVAILABLE", "", { grpcCode: 1 }), "GRPC_ERROR_1"],
    [new MintError("BAD_RESPONSE", "", { serviceVersion: "v" }), "MALFORMED_RESPONSE"],
    [new MintError("BAD_RESPONSE", "", { grpcCode: 13 }), "UNKNOWN_RPC_ERROR"],
    [new MintError("UNAVAILABLE", "", { grpcCode: 14 }), "UNKNOWN_RPC_ERROR"],
    [new MintError("UNAVAILABLE", "", { grpcCode: 2 }), "UNKNOWN_RPC_ERROR"],
    [new MintError("BAD_RESPONSE", ""), "UNKNOWN_RPC_ERROR"],
    [new Error("the key cannot sign"), "UNKNOWN_RPC_ERROR"],
  ])("names %o %s", (error, outcome) => expect(outcomeOf(error)).toBe(outcome));
});
