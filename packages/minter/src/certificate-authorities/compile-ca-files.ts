import { createHash } from "node:crypto";
import type { CertificateAuthorityConfig } from "@tokens/api/config";
import { type Certificate, parseCertificatePem } from "@tokens/pki";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import type { ListSource } from "./ca-policy.js";

/** Reads the certificate files that one entry of the policy names, and reports what is wrong with them. */
export class CaFiles {
  /** What was read, by path. */
  readonly contents: Record<string, string> = {};
  readonly #entry: CertificateAuthorityConfig;
  readonly #path: PolicyPath;
  readonly #readFile: (path: string) => Promise<string>;
  readonly #findings: PolicyFindings;

  constructor(
    entry: CertificateAuthorityConfig,
    path: PolicyPath,
    readFile: (path: string) => Promise<string>,
    findings: PolicyFindings,
  ) {
    this.#entry = entry;
    this.#path = path;
    this.#readFile = readFile;
    this.#findings = findings;
  }

  /** The CA's own certificates, and the CAs below it, each with its list. */
  async read(): Promise<{ anchors: Certificate[]; issuers: ListSource[] }> {
    const { certPath, nextCertPath, intermediateAuthority } = this.#entry;
    const own = await this.#readOwn(certPath, "cert_path");
    const next = nextCertPath === "" ? undefined : await this.#readOwn(nextCertPath, "next_cert_path");
    const issuers: ListSource[] = [];
    for (const [index, below] of intermediateAuthority.entries()) {
      const place = [...this.#path, "intermediate_authority", index, "cert_path"];
      const certificate = await this.#readCa(below.certPath, place);
      if (certificate) issuers.push({ listId: this.#listIdOf(certificate), url: below.crlUrl, issuers: [certificate] });
    }
    return { anchors: [own, next].flatMap((certificate) => certificate ?? []), issuers };
  }

  /** An issuer is its name: its certificate may be made anew. */
  #listIdOf({ subject }: Certificate): string {
    const name = createHash("sha256").update(subject.der).digest("hex").slice(0, 16);
    return `${this.#entry.cn}/${name}`;
  }

  async #readOwn(file: string, field: string): Promise<Certificate | undefined> {
    const certificate = await this.#readCa(file, [...this.#path, field]);
    const names = certificate?.subject.commonNames ?? [this.#entry.cn];
    if (names.length !== 1 || names[0] !== this.#entry.cn) {
      const name = JSON.stringify(names.join(", "));
      const message = `the certificate's common name is ${name}, and cn must be the same`;
      this.#findings.error([...this.#path, field === "cert_path" ? "cn" : field], message);
    }
    return certificate;
  }

  async #readCa(file: string, place: PolicyPath): Promise<Certificate | undefined> {
    const fail = (message: string): undefined => {
      this.#findings.error(place, message);
    };
    const pem = await this.#readFile(file).catch((error: unknown) =>
      fail(`cannot read ${JSON.stringify(file)}: ${sentence(error)}`),
    );
    if (pem === undefined) return undefined;
    this.contents[file] = pem;
    try {
      const certificate = parseCertificatePem(pem);
      if (!certificate.isCa) fail("the certificate is not one of a CA (basicConstraints)");
      return certificate;
    } catch (error) {
      fail(`the certificate cannot be read: ${sentence(error)}`);
      return undefined;
    }
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}
