import { randomBytes } from "node:crypto";
import type { MachineKey } from "./machine-key.js";
import { bytesField, messageField, numberField } from "./proto-wire.js";

/** MachineTokenType.LUCI_MACHINE_TOKEN */
const LUCI_MACHINE_TOKEN = 2n;

/** Long enough that no two are ever the same, in bytes. */
const NONCE_BYTES = 16;

/** What is in a MachineTokenRequest. */
export interface MachineTokenRequestFields {
  readonly certificateDer: Uint8Array;
  /** Value of the enum `SignatureAlgorithm`. */
  readonly algorithm: number;
  /** Unix milliseconds. */
  readonly issuedAtMs: number;
  /** Makes the request unlike any other. Absent: it can be sent again. */
  readonly nonce?: Uint8Array;
  /** The server that may answer it. Absent: any. */
  readonly serverName?: string;
  /** The services that the token is to be meant for. Absent: any. */
  readonly audience?: readonly string[];
}

/** What a request says beyond LUCI's protocol. */
export type RequestExtensions = Pick<MachineTokenRequestFields, "serverName" | "audience">;

/** The bytes of a MachineTokenRequest, as a protobuf library would write them. */
export function encodeMachineTokenRequest(fields: MachineTokenRequestFields): Uint8Array {
  const { certificateDer, algorithm, issuedAtMs, nonce, serverName, audience = [] } = fields;
  const seconds = Math.floor(issuedAtMs / 1000);
  const nanos = Math.floor((issuedAtMs - seconds * 1000) * 1_000_000);
  const issuedAt = Buffer.concat([numberField(1, BigInt(seconds)), numberField(2, BigInt(nanos))]);
  return Buffer.concat([
    bytesField(1, certificateDer),
    numberField(2, BigInt(algorithm)),
    messageField(3, issuedAt),
    numberField(4, LUCI_MACHINE_TOKEN),
    encodeAudience(audience),
    bytesField(1001, nonce ?? new Uint8Array()),
    bytesField(1002, Buffer.from(serverName ?? "", "utf8")),
  ]);
}

/** The services in a request, and in the same bytes at the end of a token's body. */
export function encodeAudience(audience: readonly string[]): Buffer {
  return Buffer.concat(audience.map((service) => messageField(1000, Buffer.from(service, "utf8"))));
}

/**
 * A MintMachineTokenRequest for this moment: serialized once, and those bytes signed. With a server's name it carries a
 * fresh nonce too, so that it is good for one call to that server.
 */
export async function signedMintRequest(
  key: MachineKey,
  nowMs: number,
  { serverName, audience = [] }: RequestExtensions = {},
): Promise<Uint8Array> {
  const { certificateDer, algorithm } = key;
  const once = serverName === undefined ? {} : { serverName, nonce: randomBytes(NONCE_BYTES) };
  const fields = { certificateDer, algorithm: algorithm.number, issuedAtMs: nowMs, audience, ...once };
  const request = encodeMachineTokenRequest(fields);
  return Buffer.concat([bytesField(1, request), bytesField(2, await key.sign(request))]);
}
