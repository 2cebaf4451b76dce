import { create, type JsonValue, toJson } from "@bufbuild/protobuf";
import { MachineTokenBodySchema, SubtokenSchema } from "@tokens/api";
import type { Credentials } from "@tokens/machine-auth";
import { decodeSubtoken, decodeUnverifiedDelegationToken } from "@tokens/machine-auth/delegation-token";
import { decodeUnverifiedMachineToken } from "@tokens/machine-auth/machine-token";

/** How tokens of one kind are sent, and what they say. */
export interface TokenKind {
  readonly credentials: (token: string) => Credentials;
  /** What a token says, signed or not, as the protocol's JSON. Throws TokenRejected. */
  readonly readUnverified: (token: string) => JsonValue;
}

/** The kinds of tokens that can be checked offline, by their name on the command line. */
export const TOKEN_KINDS: Readonly<Record<"machine" | "delegation", TokenKind>> = {
  machine: { credentials: (token) => ({ machineTokens: [token] }), readUnverified: readMachineToken },
  delegation: { credentials: (token) => ({ delegationTokens: [token] }), readUnverified: readDelegationToken },
};

function readMachineToken(token: string): JsonValue {
  const { body } = decodeUnverifiedMachineToken(token);
  const message = create(MachineTokenBodySchema, {
    ...body,
    issuedAt: BigInt(body.issuedAt),
    lifetime: BigInt(body.lifetime),
    certSn: Buffer.from(body.certSn, "hex"),
    audience: [...body.audience],
  });
  return toJson(MachineTokenBodySchema, message);
}

function readDelegationToken(token: string): JsonValue {
  const subtoken = decodeSubtoken(decodeUnverifiedDelegationToken(token).serializedSubtoken);
  const message = create(SubtokenSchema, {
    ...subtoken,
    creationTime: BigInt(subtoken.creationTime),
    audience: [...subtoken.audience],
    services: [...subtoken.services],
    tags: [...subtoken.tags],
  });
  return toJson(SubtokenSchema, message);
}
