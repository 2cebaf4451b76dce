import { create, toBinary } from "@bufbuild/protobuf";
import { ErrorCode, MintMachineTokenResponseSchema } from "@tokens/api";
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeMintResponse } from "./encode-mint-response.js";

const text = fc.oneof(fc.constant(""), fc.string({ unit: "grapheme" }), fc.string({ minLength: 100, maxLength: 2000 }));
const unknown = fc.boolean().map((is) => (is ? [{ no: 2000, wireType: 0, data: Uint8Array.of(1) }] : undefined));
const expiry = fc.option(
  fc.record({
    seconds: fc.oneof(fc.bigInt({ min: 0n, max: 4_000_000_000n }), fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })),
    nanos: fc.constantFrom(0, 0, 0, 1),
  }),
  { nil: undefined },
);

it("writes what protobuf-es writes, whatever is in the answer", () => {
  const response = fc.record({
    token: fc.option(fc.record({ machineToken: text, expiry, serviceVersion: text }), { nil: undefined }),
    serviceVersion: text,
    errorCode: fc.constantFrom(ErrorCode.SUCCESS, ErrorCode.SUCCESS, ErrorCode.BAD_SIGNATURE),
    errorMessage: fc.constantFrom("", "", "no"),
    referenceId: fc.constantFrom("", "", "1".repeat(16)),
    unknown,
  });
  fc.assert(
    fc.property(response, ({ token, unknown: $unknown, ...rest }) => {
      const message = create(MintMachineTokenResponseSchema, {
        ...rest,
        ...(token && {
          tokenResponse: {
            serviceVersion: token.serviceVersion,
            tokenType: {
              case: "luciMachineToken",
              value: { machineToken: token.machineToken, ...(token.expiry && { expiry: token.expiry }) },
            },
          },
        }),
      });
      if ($unknown) message.$unknown = $unknown;
      const expected = toBinary(MintMachineTokenResponseSchema, message);
      expect(Buffer.from(encodeMintResponse(message)).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
    }),
    { numRuns: 2000 },
  );
});
