import { generateKeyPairSync } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { MintMachineTokenResponseSchema } from "@tokens/api";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { damaged, damagedText, fuzz, orRefused } from "fuzz";
import { expect, it } from "vitest";
import { MachineKeyError, MintError } from "./errors.js";
import { loadMachineKey } from "./machine-key.js";
import { readMintResponse } from "./mint-response.js";
import { readPrpcAnswer } from "./prpc-unary.js";
import { parseTokenFile, serializeTokenFile } from "./token-file.js";

it("reads any token file or throws an Error; what it reads it writes", () => {
  const file = {
    luci_machine_token: "abc",
    token_type: "LUCI_MACHINE_TOKEN",
    expiry: 1,
    last_update: 2,
    next_update: 3,
  };
  const words = ['"', "{", "}", ":", ",", "null", "[", "]", '"expiry"', '"tokend_state"', "0"];
  fuzz(damagedText([serializeTokenFile(file)], words), (text) => {
    const read = orRefused(() => parseTokenFile(text), Error) ?? {};
    const said = Object.entries(read).filter(([, value]) => value !== "" && value !== 0);
    expect(parseTokenFile(serializeTokenFile(read))).toEqual(Object.fromEntries(said));
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});

it("reads any answer of a server, or finds that it is none", () => {
  const response = create(MintMachineTokenResponseSchema, {
    serviceVersion: "v",
    tokenResponse: { tokenType: { case: "luciMachineToken", value: { machineToken: "t", expiry: { seconds: 1n } } } },
  });
  fuzz(damaged(toBinary(MintMachineTokenResponseSchema, response)), (bytes) => {
    const read = orRefused(() => readMintResponse(bytes), MintError);
    if (read) expect(read.token).not.toBe("");
  });
});

it("reads any headers of pRPC, or finds that they are none", () => {
  const words = ["0", "14", "-", "application/prpc", "encoding=json", ";"];
  fuzz(damagedText(["application/prpc; encoding=binary", "0", "503"], words), (text) => {
    for (const name of ["content-type", "x-prpc-grpc-code", "content-length"]) {
      const headers = { "content-type": "application/prpc; encoding=binary", "x-prpc-grpc-code": "0", [name]: text };
      orRefused(() => readPrpcAnswer({ status: 200, headers, body: Buffer.from("x") }), MintError);
    }
  });
});

it("loads any key and certificate, or says that it cannot", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const dates = { notBefore: new Date(0), notAfter: new Date(4e12) };
  const certificate = toPem(
    "CERTIFICATE",
    await createSelfSignedCertificate({ privateKey, commonName: "a", ...dates }),
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const words = ["-----BEGIN", "-----END", "-----", "PRIVATE KEY", "\n", "=", "ENCRYPTED "];
  fuzz(damagedText([key, certificate], words), (text) => {
    for (const [first, second] of [
      [text, certificate],
      [key, text],
    ] as const) {
      orRefused(() => loadMachineKey(first, second), MachineKeyError);
    }
  });
});
