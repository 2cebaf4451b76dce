import { type KeyObject, sign } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import {
  MachineTokenRequestSchema,
  MachineTokenType,
  type MintMachineTokenRequest,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm,
} from "@tokens/api";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { type CompiledPolicy, compilePolicy, policyOfFiles } from "../src/policy.js";

/** A throw-away CA. */
export type Authority = Awaited<ReturnType<typeof createCertificateAuthority>>;

/** A machine with a certificate. */
export interface TestMachine {
  readonly privateKey: KeyObject;
  readonly certificate: Uint8Array;
}

export const CA_NAME = "Test Fleet CA";

/** A CA and one of its machines, made once: RSA keys are slow to make. */
export async function makeFleet(fqdn = "host-1.fleet.example.com"): Promise<{ ca: Authority; machine: TestMachine }> {
  const ca = await createCertificateAuthority({ commonName: CA_NAME });
  return { ca, machine: await issueMachineCertificate(ca, { commonName: fqdn }) };
}

/** The policy that trusts the CA, its entry extended by some lines. */
export function policyOf(ca: Authority, lines = ""): Promise<CompiledPolicy> {
  const domains = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
  const text = `certificate_authority { cn: "${CA_NAME}" cert_path: "ca.pem" unique_id: 7 ${domains} ${lines} }`;
  const files = { "tokenserver.cfg": text, "ca.pem": toPem("CERTIFICATE", ca.certificate) };
  return compilePolicy(policyOfFiles(files));
}

/** A signed request of the machine, its fields changed as given. */
export function signedRequest(
  machine: TestMachine,
  nowMs: number,
  fields: MessageInitShape<typeof MachineTokenRequestSchema> = {},
  signer: KeyObject = machine.privateKey,
): MintMachineTokenRequest {
  const request = create(MachineTokenRequestSchema, {
    certificate: machine.certificate,
    signatureAlgorithm: SignatureAlgorithm.SHA256_RSA_ALGO,
    issuedAt: create(TimestampSchema, { seconds: BigInt(Math.floor(nowMs / 1000)) }),
    tokenType: MachineTokenType.LUCI_MACHINE_TOKEN,
    ...fields,
  });
  return signedBytes(toBinary(MachineTokenRequestSchema, request), signer);
}

/** Signs any bytes as a request. */
export function signedBytes(serializedTokenRequest: Uint8Array, signer: KeyObject): MintMachineTokenRequest {
  const signature = sign("sha256", serializedTokenRequest, signer);
  return create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature });
}
