import { generateKeyPairSync } from "node:crypto";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";

/** A service at `files.example.com`, on a free loopback port. */
export interface InfoServer {
  /** Its URL, and how to get there: its name is known to nobody else. */
  readonly url: string;
  readonly hosts: ReadonlySet<string>;
  readonly ca: string;
  readonly resolve: () => Promise<{ address: string; family: number }[]>;
  /** The paths that were asked for. */
  readonly asked: string[];
  close(): void;
}

/** Starts a service that answers every request with a function. */
export async function startInfoServer(answer: RequestListener): Promise<InfoServer> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
  const dates = { notBefore: inDays(-1), notAfter: inDays(1) };
  const certificate = await createSelfSignedCertificate({ privateKey, commonName: "files.example.com", ...dates });
  const ca = toPem("CERTIFICATE", certificate);
  const asked: string[] = [];
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  const server = createServer({ key, cert: ca }, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `files.example.com:${(server.address() as AddressInfo).port}`;
  return {
    url: `https://${host}`,
    hosts: new Set([host]),
    ca,
    resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
