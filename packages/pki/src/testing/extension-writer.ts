import { bits, boolean, context, der, ia5, implicit, integer, name, octets, oid, sequence } from "./der-writer.js";

/** Any extension; the value is DER. */
export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

/** The same extension, with the other criticality. */
export function flipCritical(made: Uint8Array): Buffer {
  const flag = boolean(true);
  const content = Buffer.from(made).subarray(2 + Math.max(0, (made[1] ?? 0) - 0x80));
  const idLength = 2 + (content[1] ?? 0);
  const [id, rest] = [content.subarray(0, idLength), content.subarray(idLength)];
  const wasCritical = Buffer.compare(rest.subarray(0, flag.length), flag) === 0;
  return sequence(id, ...(wasCritical ? [rest.subarray(flag.length)] : [flag, rest]));
}

export function basicConstraints(isCa: boolean, pathLength?: number): Buffer {
  const parts = [...(isCa ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])];
  return extension("2.5.29.19", sequence(...parts), true);
}

const USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

export function keyUsage(...uses: readonly (typeof USAGES)[number][]): Buffer {
  const flags = USAGES.map((use) => (uses.includes(use) ? "1" : "0"))
    .join("")
    .replace(/0+$/, "");
  const padded = flags.padEnd(Math.ceil(flags.length / 8) * 8, "0");
  const bytes = (padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return extension("2.5.29.15", bits(Buffer.from(bytes), padded.length - flags.length), true);
}

const USES: Record<string, string> = { serverAuth: "1", clientAuth: "2", codeSigning: "3", emailProtection: "4" };

/** Uses by name, or by object identifier. */
export function extendedKeyUsage(...uses: readonly string[]): Buffer {
  const ids = uses.map((use) => (use === "any" ? "2.5.29.37.0" : use in USES ? `1.3.6.1.5.5.7.3.${USES[use]}` : use));
  return extension("2.5.29.37", sequence(...ids.map(oid)));
}

/** A name like `dns:host.example.com`, `email:a@b.c`, `uri:…`, `ip:` and hex, `directory:CN=…`, `other:`, `rid:1.2.3`. */
export function generalName(written: string): Buffer {
  const [, form = "", value = ""] = /^(\w+):(.*)$/s.exec(written) ?? [];
  if (form === "other") return context(0, oid("1.2.3.4"), context(0, ia5(value)));
  if (form === "email" || form === "dns" || form === "uri") {
    return implicit({ email: 1, dns: 2, uri: 6 }[form], Buffer.from(value, "latin1"));
  }
  if (form === "directory") return context(4, name(...(value === "" ? [] : value.split("/"))));
  if (form === "ip") return implicit(7, Buffer.from(value, "hex"));
  if (form === "rid") return implicit(8, oid(value).subarray(2));
  throw new TypeError(`no such form of a name: ${written}`);
}

export function subjectAltName(...names: readonly string[]): Buffer {
  return extension("2.5.29.17", sequence(...names.map(generalName)));
}

export function nameConstraints(permitted: readonly string[], excluded: readonly string[] = []): Buffer {
  const trees = [permitted, excluded].map((bases) => bases.map((base) => sequence(generalName(base))));
  const parts = trees.map((tree, index) => (tree.length > 0 ? [context(index, ...tree)] : []));
  return extension("2.5.29.30", sequence(...parts.flat()), true);
}

export function certificatePolicies(...policies: readonly string[]): Buffer {
  return extension("2.5.29.32", sequence(...policies.map((policy) => sequence(oid(policy)))));
}

export function policyMappings(...pairs: readonly (readonly [string, string])[]): Buffer {
  return extension(
    "2.5.29.33",
    sequence(...pairs.map(([issuer, subject]) => sequence(oid(issuer), oid(subject)))),
    true,
  );
}

export function policyConstraints(requireExplicitPolicy?: number, inhibitPolicyMapping?: number): Buffer {
  const counts = [requireExplicitPolicy, inhibitPolicyMapping];
  const parts = counts.map((count, index) => (count === undefined ? [] : [integer(count, 0x80 | index)]));
  return extension("2.5.29.36", sequence(...parts.flat()), true);
}

export function inhibitAnyPolicy(count: number): Buffer {
  return extension("2.5.29.54", integer(count), true);
}

/** Points to lists, each with or without a cRLIssuer. */
export function distributionPoints(...points: readonly { url: string; crlIssuer?: string }[]): Buffer {
  const made = points.map(({ url, crlIssuer }) =>
    sequence(
      context(0, context(0, generalName(`uri:${url}`))),
      ...(crlIssuer === undefined ? [] : [context(2, generalName(`directory:${crlIssuer}`))]),
    ),
  );
  return extension("2.5.29.31", sequence(...made));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension("2.5.29.35", sequence(implicit(0, keyId)));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension("2.5.29.14", octets(keyId));
}

/** A bit string in place of an extension that nobody knows. */
export function unknownExtension(critical: boolean): Buffer {
  return extension("1.2.3.4.5", der(0x05), critical);
}
