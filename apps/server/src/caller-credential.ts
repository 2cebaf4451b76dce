import { readFileSync } from "node:fs";
import { UsageError } from "./exit-code.js";

/** Where a caller's credential is; never on the command line, where everybody could read it. */
export interface CredentialOptions {
  readonly bearerFile?: string;
  readonly machineTokenFile?: string;
}

/** The headers that prove who calls. Throws a UsageError without a credential, with two, or with a file that has none. */
export function credentialHeaders(
  { bearerFile, machineTokenFile }: CredentialOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (bearerFile !== undefined && machineTokenFile !== undefined) {
    throw new UsageError("give --bearer-file or --machine-token-file, and not both");
  }
  if (machineTokenFile !== undefined) return { "x-luci-machine-token": machineTokenIn(machineTokenFile) };
  const bearer = bearerFile === undefined ? environment["TOKENS_BEARER"] : readSecret(bearerFile);
  if (bearer === undefined || bearer.trim() === "") {
    throw new UsageError("who are you? Give --bearer-file, --machine-token-file or TOKENS_BEARER");
  }
  return { authorization: `Bearer ${bearer.trim()}` };
}

/** A bare token, or the JSON that tokend writes. */
function machineTokenIn(path: string): string {
  const text = readSecret(path).trim();
  if (!text.startsWith("{")) return text;
  try {
    const { luci_machine_token: token } = JSON.parse(text) as { luci_machine_token?: unknown };
    if (typeof token === "string") return token;
  } catch (error) {
    throw new UsageError(`${path} is neither a machine token nor a token file`, { cause: error });
  }
  throw new UsageError(`${path} holds no luci_machine_token`);
}

function readSecret(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
