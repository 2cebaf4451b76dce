import { createHash, createHmac } from "node:crypto";

/** What a token depends on: when any of it changes, the token is refreshed. */
export interface TokenInputs {
  readonly backend: string;
  readonly audience: readonly string[];
  /** The files' bytes. */
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * A digest that changes with any byte of the inputs. It rests in the token file, so it is keyed with a digest of the
 * private key: it says nothing about the key to those who can read that file.
 */
export function inputsDigest({ backend, audience, certificate, key }: TokenInputs): string {
  const hmac = createHmac("sha256", createHash("sha256").update("tokend inputs digest\0").update(key).digest());
  const entries: [string, Uint8Array][] = [
    ...audience.map((service): [string, Uint8Array] => ["audience", Buffer.from(service, "utf8")]),
    ["backend", Buffer.from(backend, "utf8")],
    ["cert", certificate],
    ["forceBump", Uint8Array.of(1)],
    ["pkey", key],
  ];
  for (const [name, value] of entries) hmac.update(`${name}\n${value.length}\n`).update(value);
  return hmac.digest("hex");
}
