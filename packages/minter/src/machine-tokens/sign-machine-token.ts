import {
  encodeMachineToken,
  encodeMachineTokenBody,
  machineTokenSignedBytes,
} from "@tokens/machine-auth/machine-token";
import type { Signer } from "../keys/signer.js";
import type { MachineGrant } from "./machine-grant.js";

/** A finished token and its life. */
export interface SignedMachineToken {
  readonly token: string;
  /** The key that signed it. */
  readonly keyId: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Makes the token that was granted. The same grant, key and second give the same bytes. */
export async function signMachineToken(
  grant: MachineGrant,
  issuedBy: string,
  signer: Signer,
  nowMs: number,
): Promise<SignedMachineToken> {
  const issuedAt = Math.floor(nowMs / 1000);
  const tokenBody = encodeMachineTokenBody({
    machineFqdn: grant.fqdn,
    issuedBy,
    issuedAt,
    lifetime: grant.lifetimeSeconds,
    caId: grant.caId,
    certSn: Buffer.from(grant.certSn).toString("hex"),
    audience: [...grant.audience],
  });
  const rsaSha256 = await signer.sign(machineTokenSignedBytes(tokenBody));
  const token = encodeMachineToken({ tokenBody, keyId: signer.keyId, rsaSha256 });
  return { token, keyId: signer.keyId, issuedAt, expiresAt: issuedAt + grant.lifetimeSeconds };
}
