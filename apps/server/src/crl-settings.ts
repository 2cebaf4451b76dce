import { readFile } from "node:fs/promises";
import type { CrlSettings } from "@tokens/minter";
import { allowedHosts } from "./allowed-hosts.js";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";
import type { Settings } from "./settings.js";

/** How revocation lists are fetched, and how long they are in force. Throws a UsageError. */
export function crlSettings(settings: Settings): CrlSettings {
  const { "crl-max-age": maxAge, "crl-max-bytes": maxBytes, "crl-bearer-file": bearerFile } = settings;
  return {
    hosts: allowedHosts("allow-crl-host", settings["allow-crl-host"]),
    terms: maxAge === undefined ? {} : { maxAgeSeconds: parseDuration(maxAge, "crl-max-age") / 1000 },
    ...(maxBytes === undefined ? {} : { maxBytes: parseBytes(maxBytes) }),
    ...(bearerFile === undefined ? {} : { bearer: () => readBearer(bearerFile) }),
  };
}

function parseBytes(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new UsageError(`crl-max-bytes must be a number of bytes, and not ${JSON.stringify(text)}`);
  return Number(text);
}

/** Read for each fetch: whoever keeps the file may renew the token. */
async function readBearer(file: string): Promise<string> {
  return (await readFile(file, "utf8")).trim();
}
