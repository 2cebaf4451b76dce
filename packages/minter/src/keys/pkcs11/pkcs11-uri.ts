import { KeyUnusable } from "../key-backend.js";

/** Which token of which HSM, and where its PIN is. */
export interface Pkcs11Place {
  /** Path of the vendor's library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly serial: string | undefined;
  /** Path of the file with the user's PIN. */
  readonly pinFile: string;
}

/** How it is written; part of every complaint. */
const EXAMPLE = "pkcs11:token=NAME?module-path=/usr/lib/vendor.so&pin-source=file:/etc/tokens/pin";

/** What this server reads of RFC 7512 §2.3; anything else would choose a key, or show the PIN to everybody on the machine. */
const ATTRIBUTES = ["token", "serial", "module-path", "pin-source"];

/** Reads a PKCS#11 URI (RFC 7512). Throws a KeyUnusable that says what is wrong with it. */
export function readPkcs11Uri(uri: string): Pkcs11Place {
  const [path = "", query = "", ...rest] = uri.replace(/^pkcs11:/, "").split("?");
  if (!uri.startsWith("pkcs11:") || rest.length > 0) throw malformed("it is no such URI");
  const attributes = new Map<string, string>();
  for (const part of [...path.split(";"), ...query.split("&")]) {
    if (part !== "") addAttribute(attributes, part);
  }
  const required = (name: string): string => {
    const value = attributes.get(name);
    if (value === undefined || value === "") throw malformed(`it lacks ${name}`);
    return value;
  };
  const pinSource = required("pin-source");
  if (!/^(file:)?\//.test(pinSource)) throw malformed("pin-source is not the absolute path of a file");
  return {
    modulePath: required("module-path"),
    tokenLabel: required("token"),
    serial: attributes.get("serial"),
    pinFile: pinSource.replace(/^file:(\/\/(?=\/))?/, ""),
  };
}

function addAttribute(attributes: Map<string, string>, part: string): void {
  const at = part.indexOf("=");
  const name = part.slice(0, Math.max(at, 0));
  if (name === "pin-value")
    throw malformed("a PIN does not belong into it; put it into a file and name that as pin-source");
  if (!ATTRIBUTES.includes(name)) throw malformed(`of its attributes, only ${ATTRIBUTES.join(", ")} are known`);
  if (attributes.has(name)) throw malformed(`${name} is there twice`);
  try {
    attributes.set(name, decodeURIComponent(part.slice(at + 1)));
  } catch (error) {
    throw malformed(`${name} is not percent-encoded as it should be`, error);
  }
}

/** Never repeats the URI: somebody may have put the PIN into it. */
function malformed(reason: string, cause?: unknown): KeyUnusable {
  return new KeyUnusable(`the PKCS#11 URI cannot be used: ${reason}; it is written like ${EXAMPLE}`, { cause });
}
