import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { type Flags, parseOneShotFlags } from "../src/flags.js";

/** A machine in a folder of its own: key.pem, cert.pem and the CA's ca.pem. */
export interface Machine {
  readonly folder: string;
  file(name: string): string;
  /** The flags of a run of this machine. */
  flags(...more: string[]): string[];
  parsed(...more: string[]): Flags;
  remove(): void;
}

/** Makes a machine with a certificate of a throw-away CA. */
export async function makeMachine(
  backend: string,
  dates: { notBefore?: Date; notAfter?: Date } = {},
): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), "machine-"));
  const file = (name: string) => join(folder, name);
  const ca = await createCertificateAuthority({ commonName: "Example Fleet CA" });
  const { privateKey, certificate } = await issueMachineCertificate(ca, { commonName: "host-1.example.com", ...dates });
  writeFileSync(file("key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(file("cert.pem"), toPem("CERTIFICATE", certificate));
  writeFileSync(file("ca.pem"), toPem("CERTIFICATE", ca.certificate));
  const inputs = ["-pkey-pem", file("key.pem"), "-cert-pem", file("cert.pem"), "-backend", backend];
  const flags = (...more: string[]) => [...inputs, "-token-file", file("token.json"), ...more];
  const parsed = (...more: string[]) => {
    const result = parseOneShotFlags(flags(...more));
    if (result.kind !== "run") throw new Error(JSON.stringify(result));
    return result.flags;
  };
  return { folder, file, flags, parsed, remove: () => rmSync(folder, { recursive: true }) };
}
