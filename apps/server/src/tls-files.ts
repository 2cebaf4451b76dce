import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Certificate, parseCertificatePem } from "@tokens/pki";
import { UsageError } from "./exit-code.js";
import type { TlsFiles } from "./listener.js";
import type { Settings } from "./settings.js";

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The server's certificate and key; undefined where it serves without TLS. Throws a UsageError. */
export function readTlsFiles(settings: Settings): TlsFiles | undefined {
  const { "tls-cert": cert, "tls-key": key, "tls-client-ca": clientCa } = settings;
  if (cert === undefined || key === undefined) return undefined;
  try {
    const files = { cert: readFileSync(cert), key: readFileSync(key) };
    createSecureContext(files);
    return clientCa === undefined ? files : { ...files, clientCa: readFileSync(clientCa) };
  } catch (error) {
    const message = `cannot use the TLS files --tls-cert, --tls-key and --tls-client-ca: ${(error as Error).message}`;
    throw new UsageError(message, { cause: error });
  }
}

/** The CAs whose machines may call. Throws a UsageError for a file with anything in it that is none. */
export function readClientCas({ clientCa }: Pick<TlsFiles, "clientCa">): readonly Certificate[] {
  if (clientCa === undefined) return [];
  const text = clientCa.toString("latin1");
  const blocks = text.match(PEM_BLOCK) ?? [];
  const fail = (reason: string, cause?: unknown) => new UsageError(`tls-client-ca: ${reason}`, { cause });
  if (blocks.length === 0 || blocks.length !== text.split("-----BEGIN").length - 1) {
    throw fail("the file must hold CA certificates in PEM and nothing else");
  }
  return blocks.map((block, index) => {
    const certificate = parse(block, (reason, cause) => fail(`certificate ${index + 1}: ${reason}`, cause));
    if (!certificate.isCa) throw fail(`certificate ${index + 1} is not one of a CA (basicConstraints)`);
    return certificate;
  });
}

function parse(pem: string, fail: (reason: string, cause: unknown) => Error): Certificate {
  try {
    return parseCertificatePem(pem);
  } catch (error) {
    throw fail((error as Error).message, error);
  }
}
