import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { ErrorCode, MachineTokenType, type SignatureAlgorithm } from "@tokens/api";
import { generateRsaKey } from "@tokens/pki";
import { beforeAll, describe, expect, it } from "vitest";
import { makeFleet, signedBytes, signedRequest, type TestMachine } from "../../test/fleet.js";
import { Refusal } from "../errors.js";
import { proveRequest } from "./machine-token-request.js";

const now = Date.parse("2026-06-01T12:00:00Z");
const second = BigInt(now / 1000);
let machine: TestMachine;
beforeAll(async () => void ({ machine } = await makeFleet()));

/** The refusal's code: an error code of the response, or else the code of the RPC. */
function refusalOf(prove: () => unknown): string {
  try {
    prove();
    return "proven";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.errorCode === undefined ? (Code[error.code] ?? "") : (ErrorCode[error.errorCode] ?? "");
  }
}

const at = (seconds: bigint, nanos: number) => create(TimestampSchema, { seconds, nanos });

describe("proveRequest", () => {
  it("proves that the sender holds the key of the certificate", () => {
    const { certificate, request } = proveRequest(signedRequest(machine, now), now);
    expect(certificate.subject.commonNames).toEqual(["host-1.fleet.example.com"]);
    expect(request.tokenType).toBe(MachineTokenType.LUCI_MACHINE_TOKEN);
  });

  const tenMinutes = 600n;
  it.each([
    ["exactly ten minutes ago", { seconds: second - tenMinutes, nanos: 0 }, "proven"],
    ["a nanosecond more", { seconds: second - tenMinutes - 1n, nanos: 999_999_999 }, "BAD_TIMESTAMP"],
    ["in the last nanosecond of a second", { seconds: second, nanos: 999_999_999 }, "proven"],
    ["exactly ten minutes ahead", { seconds: second + tenMinutes, nanos: 0 }, "proven"],
    ["a nanosecond more ahead", { seconds: second + tenMinutes, nanos: 1 }, "BAD_TIMESTAMP"],
    ["eleven minutes ago", { seconds: second - 660n, nanos: 0 }, "BAD_TIMESTAMP"],
    ["never", undefined, "BAD_TIMESTAMP"],
    ["in the year 1", { seconds: -62135596800n, nanos: 0 }, "BAD_TIMESTAMP"],
    ["at the largest number there is", { seconds: 2n ** 63n - 1n, nanos: 0 }, "BAD_TIMESTAMP"],
    ["at the smallest number there is", { seconds: -(2n ** 63n), nanos: 0 }, "BAD_TIMESTAMP"],
    ["at 2^60, which is no date", { seconds: 2n ** 60n, nanos: 0 }, "BAD_TIMESTAMP"],
    ["with two seconds of nanoseconds", { seconds: second, nanos: 2_000_000_000 }, "BAD_TIMESTAMP"],
    ["with negative nanoseconds", { seconds: second, nanos: -1 }, "BAD_TIMESTAMP"],
  ])("takes or refuses a request made %s", (_, issuedAt, expected) => {
    const fields = { issuedAt: issuedAt as { seconds: bigint; nanos: number } };
    expect(refusalOf(() => proveRequest(signedRequest(machine, now, fields), now))).toBe(expected);
  });

  it("promise 5: takes what a newer agent says besides, though nobody here knows what it means", () => {
    const { serializedTokenRequest } = signedRequest(machine, now);
    // Field 1999, a string.
    const newer = Buffer.concat([serializedTokenRequest, Buffer.from("fa7c036e6577", "hex")]);
    expect(refusalOf(() => proveRequest(signedBytes(newer, machine.privateKey), now))).toBe("proven");
  });

  it("compares with the server's clock to the microsecond", () => {
    const request = signedRequest(machine, now, { issuedAt: { seconds: second - tenMinutes, nanos: 0 } });
    expect(refusalOf(() => proveRequest(request, now + 0.001))).toBe("BAD_TIMESTAMP");
  });

  it.each([0, 1, 3, 2_147_483_647, -1])("refuses token type %i", (tokenType) => {
    const request = signedRequest(machine, now, { tokenType });
    expect(refusalOf(() => proveRequest(request, now))).toBe("UNSUPPORTED_TOKEN_TYPE");
  });

  it.each([0, 2, 99, 1000, -1])("refuses signature algorithm %i", (signatureAlgorithm) => {
    const request = signedRequest(machine, now, { signatureAlgorithm });
    expect(refusalOf(() => proveRequest(request, now))).toBe("UNSUPPORTED_SIGNATURE");
  });

  const outOfRange = "issued_at timestamp is not within acceptable range, check your clock";

  it.each<[string, string, Parameters<typeof signedRequest>[2]]>([
    ["issued_at is required", "issued_at is required", { issuedAt: at(-62135596800n, 0) }],
    [outOfRange, "issued_at is -63915911999999 ms off the server's clock", { issuedAt: at(-62135596800n, 1) }],
    [outOfRange, "issued_at is 600001 ms off the server's clock", { issuedAt: at(second + 600n, 1_000_000) }],
    [outOfRange, "its nanoseconds are outside of 0 to 999999999", { issuedAt: at(second, -1) }],
    ["token_type UNKNOWN_TYPE is not supported", "token_type UNKNOWN_TYPE is not supported", { tokenType: 0 }],
    ["token_type 99 is not supported", "token_type 99 is not supported", { tokenType: 99 as MachineTokenType }],
    [
      "signature_algorithm UNKNOWN_ALGO is not supported",
      "signature_algorithm UNKNOWN_ALGO is not supported",
      { signatureAlgorithm: 0 },
    ],
    [
      "signature_algorithm -7 is not supported",
      "signature_algorithm -7 is not supported",
      { signatureAlgorithm: -7 as SignatureAlgorithm },
    ],
  ])("says %s, and in the log %s", (message, detail, fields) => {
    const prove = () => proveRequest(signedRequest(machine, now, fields), now);
    expect(prove).toThrow(expect.objectContaining({ message, detail }) as Error);
  });

  it("refuses what is not one strict certificate", () => {
    const trailing = Buffer.concat([machine.certificate, Buffer.from([0])]);
    const two = Buffer.concat([machine.certificate, machine.certificate]);
    for (const certificate of [new Uint8Array(), Buffer.from("garbage"), trailing, two]) {
      const request = signedRequest(machine, now, { certificate });
      expect(refusalOf(() => proveRequest(request, now))).toBe("BAD_CERTIFICATE_FORMAT");
    }
  });

  it("refuses a signature of another key, of other bytes, cut short, or none", async () => {
    const good = signedRequest(machine, now);
    const stranger = await generateRsaKey();
    const other = signedRequest(machine, now, { serverName: "another" });
    const bad = [
      signedRequest(machine, now, {}, stranger),
      { ...good, serializedTokenRequest: other.serializedTokenRequest },
      { ...good, signature: good.signature.slice(1) },
      { ...good, signature: Buffer.concat([Buffer.from([0]), good.signature]) },
      { ...good, signature: new Uint8Array() },
    ];
    for (const request of bad) expect(refusalOf(() => proveRequest(request, now))).toBe("BAD_SIGNATURE");
  });

  it("checks in the order of the specification: the first that fails decides", () => {
    const everything = {
      tokenType: 0,
      issuedAt: { seconds: 0n, nanos: 0 },
      certificate: new Uint8Array(),
      signatureAlgorithm: 0,
    };
    const { certificate, issuedAt, signatureAlgorithm } = everything;
    const answers = [
      everything,
      { issuedAt, certificate, signatureAlgorithm },
      { certificate, signatureAlgorithm },
      { signatureAlgorithm },
    ]
      .map((fields) => signedBytesOf(fields))
      .map((request) => refusalOf(() => proveRequest(request, now)));
    expect(answers).toEqual([
      "UNSUPPORTED_TOKEN_TYPE",
      "BAD_TIMESTAMP",
      "BAD_CERTIFICATE_FORMAT",
      "UNSUPPORTED_SIGNATURE",
    ]);
  });

  function signedBytesOf(fields: Parameters<typeof signedRequest>[2]) {
    return { ...signedRequest(machine, now, fields), signature: new Uint8Array() };
  }

  it.each([
    ["no request", new Uint8Array()],
    ["garbage", Buffer.from("ffff", "hex")],
    ["a field that is there twice", Buffer.from("20022002", "hex")],
  ])("refuses %s as an invalid argument", (_, bytes) => {
    expect(refusalOf(() => proveRequest(signedBytes(bytes, machine.privateKey), now))).toBe("InvalidArgument");
  });
});
