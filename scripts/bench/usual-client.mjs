// A client for one token as it is usually built: Connect, protobuf-es, an X.509 library and a parser of command lines.
import "reflect-metadata";
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { X509Certificate } from "@peculiar/x509";
import { MachineTokenRequestSchema, MachineTokenType, SignatureAlgorithm, TokenMinter } from "@tokens/api";
import { Command } from "commander";

async function main() {
  const command = new Command()
    .requiredOption("--pkey-pem <file>")
    .requiredOption("--cert-pem <file>")
    .requiredOption("--backend <host>")
    .requiredOption("--token-file <file>")
    .parse();
  const { pkeyPem, certPem, backend, tokenFile } = command.opts();
  const certificate = new X509Certificate(readFileSync(certPem, "utf8"));
  const serializedTokenRequest = toBinary(
    MachineTokenRequestSchema,
    create(MachineTokenRequestSchema, {
      certificate: new Uint8Array(certificate.rawData),
      signatureAlgorithm: SignatureAlgorithm.SHA256_RSA_ALGO,
      issuedAt: { seconds: BigInt(Math.floor(Date.now() / 1000)), nanos: 0 },
      tokenType: MachineTokenType.LUCI_MACHINE_TOKEN,
    }),
  );
  const signature = sign("sha256", serializedTokenRequest, createPrivateKey(readFileSync(pkeyPem)));
  const transport = createConnectTransport({ baseUrl: `http://${backend}`, httpVersion: "1.1" });
  const response = await createClient(TokenMinter, transport).mintMachineToken({ serializedTokenRequest, signature });
  writeFileSync(tokenFile, JSON.stringify({ token: response.tokenResponse.tokenType.value.machineToken }));
  process.exit();
}

void main();
