import { readFileSync, statSync } from "node:fs";
import {
  type GoogleIdentity,
  type KeyEncryptionKey,
  type KeySettings,
  openKeyBackend,
  readAesKey,
  readKeyEncryptionKeys,
} from "@tokens/minter/keys";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";
import { isPostgresUrl } from "./open-storage.js";
import type { Settings } from "./settings.js";

/** Verifiers fetch every 30 s, from a server that reads its keys every 5 s: with a shorter lead they may not know a key. */
const SHORTEST_SAFE_LEAD_MS = 35_000;

/** How signing keys are kept, and what the operator should know about that. */
export interface ReadKeySettings {
  readonly keys: KeySettings;
  readonly warnings: readonly string[];
}

/**
 * Reads the settings of signing keys, and opens the signer. Google's usual variables name its credentials. Throws a
 * UsageError or a KeyUnusable.
 */
export async function readKeySettings(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadKeySettings> {
  const identity: GoogleIdentity = {
    keyFile: environment["GOOGLE_APPLICATION_CREDENTIALS"],
    metadataHost: environment["GCE_METADATA_HOST"],
  };
  const leadMs = parseDuration(settings["key-lead"], "key-lead");
  const signsForMs = parseDuration(settings["key-rotation"], "key-rotation");
  if (signsForMs <= leadMs) throw new UsageError("key-rotation must be longer than key-lead");
  const encryption = readEncryption(settings, identity);
  const backend = settings.signer === undefined ? {} : { backend: await openKeyBackend(settings.signer, identity) };
  const isShort = leadMs < SHORTEST_SAFE_LEAD_MS;
  const warning = `with a key-lead under ${SHORTEST_SAFE_LEAD_MS / 1000}s verifiers may refuse the first tokens of a new key`;
  return { keys: { rotation: { leadMs, signsForMs }, encryption, ...backend }, warnings: isShort ? [warning] : [] };
}

function readEncryption(settings: Settings, identity: GoogleIdentity): readonly KeyEncryptionKey[] {
  const value = settings["key-encryption-key"];
  if (value !== undefined) return readKeyEncryptionKeys(textOf(value), identity);
  if (!isPostgresUrl(settings.storage ?? "")) return [];
  throw new UsageError(
    "a storage that several servers share needs a key-encryption key: run `openssl rand -base64 32 > kek`, chmod 600, " +
      "and give the file to every server as --key-encryption-key",
  );
}

/** The key itself comes by the environment alone; a setting is a file or a URI. */
function textOf(value: string): string {
  return value.startsWith("gcp-kms:") || readAesKey(value) ? value : readKeyFile(value);
}

function readKeyFile(path: string): string {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o007) === 0) return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read the key-encryption key: ${(error as Error).message}`, { cause: error });
  }
  throw new UsageError(`${path} holds the key-encryption key and can be read by everybody; run: chmod 600 ${path}`);
}
