import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";

const caName = "Example Fleet CA";
const policy = `# Machines of this CA get tokens that live an hour.
certificate_authority {
  cn: "${caName}"
  cert_path: "fleet-ca.pem"
  unique_id: 1
  known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
}
`;

/** Writes a throw-away CA, the policy that trusts it, and one machine's key and certificate into a folder. */
export async function writeFleet(folder, name) {
  const ca = await createCertificateAuthority({ commonName: caName });
  const { privateKey, certificate } = await issueMachineCertificate(ca, { commonName: name });
  const machine = {
    name,
    config: join(folder, "config"),
    key: join(folder, "machine.key.pem"),
    certificate: join(folder, "machine.pem"),
  };
  await mkdir(machine.config);
  await writeFile(join(machine.config, "tokenserver.cfg"), policy);
  await writeFile(join(machine.config, "fleet-ca.pem"), toPem("CERTIFICATE", ca.certificate));
  await writeFile(machine.key, privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600, flag: "wx" });
  await writeFile(machine.certificate, toPem("CERTIFICATE", certificate));
  return machine;
}
