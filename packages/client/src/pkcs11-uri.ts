import { MachineKeyError } from "./errors.js";

/** Which key of which token. */
export interface Pkcs11Place {
  /** Path of the vendor's library. */
  readonly modulePath: string;
  readonly token: string;
  /** Label of the key. */
  readonly object: string | undefined;
  /** CKA_ID of the key. */
  readonly id: Buffer | undefined;
}

const EXAMPLE = "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/vendor.so";
const KNOWN = ["token", "object", "id", "module-path"];

/**
 * Reads a PKCS#11 URI (RFC 7512): token and module-path, and object or id. Throws a MachineKeyError, which never repeats
 * the URI: somebody may have put the PIN into it.
 */
export function readPkcs11Uri(uri: string): Pkcs11Place {
  const [path = "", query = "", ...rest] = uri.replace(/^pkcs11:/, "").split("?");
  if (!uri.startsWith("pkcs11:") || rest.length > 0) throw malformed("it is no such URI");
  const attributes = new Map<string, string>();
  for (const part of [...path.split(";"), ...query.split("&")].filter((each) => each !== "")) {
    const name = part.slice(0, Math.max(0, part.indexOf("=")));
    if (name.startsWith("pin-")) throw malformed("a PIN does not belong into it");
    if (!KNOWN.includes(name)) throw malformed(`of its attributes only ${KNOWN.join(", ")} are known`);
    if (attributes.has(name)) throw malformed(`${name} is there twice`);
    attributes.set(name, part.slice(name.length + 1));
  }
  const text = (name: string) => decode(attributes.get(name) ?? "", name).toString("utf8");
  const [modulePath, token, object] = [text("module-path"), text("token"), text("object") || undefined];
  const id = attributes.has("id") ? decode(attributes.get("id") ?? "", "id") : undefined;
  if (modulePath === "") throw malformed("it lacks module-path");
  if (token === "") throw malformed("it lacks token");
  if (object === undefined && id === undefined) throw malformed("it lacks object or id");
  return { modulePath, token, object, id };
}

/** Bytes of a percent-encoded text. */
function decode(text: string, name: string): Buffer {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw malformed(`${name} is not percent-encoded as it should be`);
  const binary = Buffer.from(text, "utf8").toString("latin1");
  return Buffer.from(
    binary.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}

function malformed(reason: string): MachineKeyError {
  return new MachineKeyError(`the PKCS#11 URI cannot be used: ${reason}; it is written like ${EXAMPLE}`);
}
