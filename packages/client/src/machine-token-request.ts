import type { MachineKey } from "./machine-key.js";
import { bytesField, messageField, numberField } from "./proto-wire.js";

/** SignatureAlgorithm.SHA256_RSA_ALGO */
const SHA256_RSA = 1n;
/** MachineTokenType.LUCI_MACHINE_TOKEN */
const LUCI_MACHINE_TOKEN = 2n;

/** The bytes of a MachineTokenRequest, as a protobuf library would write them. */
export function encodeMachineTokenRequest(certificateDer: Uint8Array, issuedAtMs: number): Uint8Array {
  const seconds = Math.floor(issuedAtMs / 1000);
  const nanos = Math.floor((issuedAtMs - seconds * 1000) * 1_000_000);
  const issuedAt = Buffer.concat([numberField(1, BigInt(seconds)), numberField(2, BigInt(nanos))]);
  return Buffer.concat([
    bytesField(1, certificateDer),
    numberField(2, SHA256_RSA),
    messageField(3, issuedAt),
    numberField(4, LUCI_MACHINE_TOKEN),
  ]);
}

/** A MintMachineTokenRequest for this moment: serialized once, and those bytes signed. */
export async function signedMintRequest(key: MachineKey, nowMs: number): Promise<Uint8Array> {
  const request = encodeMachineTokenRequest(key.certificateDer, nowMs);
  return Buffer.concat([bytesField(1, request), bytesField(2, await key.sign(request))]);
}
