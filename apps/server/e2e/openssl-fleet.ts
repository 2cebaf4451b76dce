import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether the openssl command is on this machine. */
export const hasOpenssl: boolean = (() => {
  try {
    execFileSync("openssl", ["version"]);
    return true;
  } catch {
    return false;
  }
})();

/** A machine's key and certificate, in files and in memory. */
export interface Machine {
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly key: KeyObject;
  readonly der: Buffer;
}

/** How a certificate differs from a plain one that is valid today. */
export interface CertificateOptions {
  /** YYYYMMDDHHMMSSZ, as openssl wants it. */
  readonly startDate?: string;
  readonly endDate?: string;
  readonly extensions?: "machine" | "sub_ca";
}

const config = (folder: string) => `
[ca]
default_ca = default
[default]
dir = ${folder}
database = ${folder}/index.txt
serial = ${folder}/serial
crlnumber = ${folder}/crlnumber
default_crl_days = 30
new_certs_dir = ${folder}
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
default_days = 30
policy = any
unique_subject = no
email_in_dn = no
copy_extensions = copy
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[machine]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[sub_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,digitalSignature
`;

/** A CA run by the openssl command, in a folder of its own. */
export class OpensslCa {
  readonly folder: string;
  readonly certificateFile: string;

  constructor(commonName: string, folder = mkdtempSync(join(tmpdir(), "ca-"))) {
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.certificateFile = this.#path("ca.pem");
    writeFileSync(this.#path("openssl.cnf"), config(folder));
    writeFileSync(this.#path("index.txt"), "");
    writeFileSync(this.#path("serial"), "1000\n");
    writeFileSync(this.#path("crlnumber"), "01\n");
    const subject = `/O=Example/CN=${commonName}`;
    const keyOptions = ["-newkey", "rsa:2048", "-nodes", "-keyout", this.#path("ca.key")];
    this.#openssl(
      "req",
      "-x509",
      ...keyOptions,
      "-subj",
      subject,
      "-days",
      "3650",
      "-extensions",
      "root",
      "-out",
      this.certificateFile,
    );
  }

  /** Makes a key in PKCS#1 and a certificate for it. */
  issue(commonName: string, options: CertificateOptions = {}): Machine {
    const name = commonName.replace(/[^\w.-]/g, "_");
    const [keyFile, request, certificateFile] = ["key", "csr", "pem"].map((kind) => this.#path(`${name}.${kind}`)) as [
      string,
      string,
      string,
    ];
    this.#openssl("genrsa", "-traditional", "-out", keyFile, "2048");
    this.#openssl("req", "-new", "-key", keyFile, "-subj", `/CN=${commonName}`, "-out", request);
    const dates = [
      ...(options.startDate === undefined ? [] : ["-startdate", options.startDate]),
      ...(options.endDate === undefined ? [] : ["-enddate", options.endDate]),
    ];
    const signing = ["-batch", "-notext", "-in", request, "-out", certificateFile];
    this.#openssl("ca", ...signing, ...dates, "-extensions", options.extensions ?? "machine");
    return {
      keyFile,
      certificateFile,
      key: createPrivateKey(readFileSync(keyFile)),
      der: new X509Certificate(readFileSync(certificateFile)).raw,
    };
  }

  /** Revokes a machine's certificate: it is in the lists that are made from now on. */
  revoke({ certificateFile }: Machine): void {
    this.#openssl("ca", "-revoke", certificateFile);
  }

  /** Makes a new revocation list, in DER. */
  makeCrl(): Buffer {
    const [pem, der] = [this.#path("list.pem"), this.#path("list.crl")];
    this.#openssl("ca", "-gencrl", "-out", pem);
    execFileSync("openssl", ["crl", "-in", pem, "-outform", "DER", "-out", der]);
    return readFileSync(der);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  #openssl(command: string, ...args: string[]): void {
    const configured = command === "genrsa" ? args : ["-config", this.#path("openssl.cnf"), ...args];
    execFileSync("openssl", [command, ...configured], { stdio: "pipe" });
  }
}
