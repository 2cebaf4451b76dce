import { type KeyObject, sign } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  MachineTokenRequestSchema,
  MachineTokenType,
  type MintMachineTokenRequest,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm,
} from "@tokens/api";

/** What a request says, where it differs from a good one. */
export interface MintCallOptions {
  readonly issuedAt?: Date;
  readonly signWith?: KeyObject;
  readonly tokenType?: MachineTokenType;
  readonly algorithm?: SignatureAlgorithm;
  readonly nonce?: Uint8Array;
}

/** A signed request for a machine token, made with the generated messages and node's crypto alone. */
export function mintCall(der: Uint8Array, key: KeyObject, options: MintCallOptions = {}): MintMachineTokenRequest {
  const issuedAt = options.issuedAt ?? new Date();
  const serializedTokenRequest = toBinary(
    MachineTokenRequestSchema,
    create(MachineTokenRequestSchema, {
      certificate: der,
      signatureAlgorithm: options.algorithm ?? SignatureAlgorithm.SHA256_RSA_ALGO,
      issuedAt: { seconds: BigInt(Math.floor(issuedAt.getTime() / 1000)), nanos: 0 },
      nonce: options.nonce ?? new Uint8Array(),
      tokenType: options.tokenType ?? MachineTokenType.LUCI_MACHINE_TOKEN,
    }),
  );
  const signature = sign("sha256", serializedTokenRequest, options.signWith ?? key);
  return create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature });
}
