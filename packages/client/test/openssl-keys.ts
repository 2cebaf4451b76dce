import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyFiles } from "./key-files.js";

/** Whether the openssl command is on this machine. */
export const hasOpenssl: boolean = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
})();

/** Arguments of `openssl req -newkey` for each kind of key. */
const NEW_KEY = {
  rsa: ["rsa:2048"],
  p256: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
  p521: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
  ed25519: ["ed25519"],
};

/** A kind of key that openssl makes. */
export type KeyKind = keyof typeof NEW_KEY;

/** A PKCS#8 key and a self-signed certificate for it, as the openssl command writes them. */
export function makeOpensslKeyFiles(kind: KeyKind): KeyFiles {
  const folder = mkdtempSync(join(tmpdir(), "key-"));
  try {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const files = ["-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=host-1.example.com"];
    execFileSync("openssl", ["req", "-x509", "-newkey", ...NEW_KEY[kind], ...files], { stdio: "pipe" });
    const keyPem = readFileSync(key, "utf8");
    const privateKey: KeyObject = createPrivateKey(keyPem);
    return { keyPem, certificatePem: readFileSync(certificate, "utf8"), privateKey };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `openssl` prints for a text on its stdin. */
export function openssl(args: string[], input: string): string {
  return execFileSync("openssl", args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}
