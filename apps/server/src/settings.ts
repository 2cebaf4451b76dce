import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { UsageError } from "./exit-code.js";
import { environmentName, REPEATABLE, SETTINGS, type SettingName } from "./settings-names.js";

const path = z.string().min(1);
const list = z
  .union([path, z.array(path)])
  .transform((value) => [value].flat())
  .default([]);
const onOrOff = z
  .union([z.boolean(), z.enum(["true", "false"])], { error: "must be true or false" })
  .transform((value) => String(value) === "true")
  .default(false);

/** Without quotes a settings file makes a number of it. */
const wholeNumber = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^[1-9]\d{0,8}$/, "must be a whole number from 1 to 999999999"));

// Not exported: its inferred type is the interface below.
const schema = z
  .strictObject({
    config: path,
    data: path,
    listen: z.string().default("127.0.0.1:8080"),
    "admin-listen": z.string().optional(),
    "server-name": list,
    "max-connections": wholeNumber.default("10000"),
    "max-calls": wholeNumber.default("256"),
    "max-waiting-calls": wholeNumber.default("1024"),
    "rate-limit-address": z.string().optional(),
    "rate-limit-certificate": z.string().optional(),
    "max-seen-requests": wholeNumber.default("1000000"),
    "app-id": z
      .string()
      .regex(/^[0-9a-zA-Z_:.-]+$/, "must be letters, digits, '_', '-', '.' and ':'")
      .default("tokens"),
    "service-account": z
      .string()
      .regex(/^[0-9a-zA-Z_.+%-]+@[0-9a-zA-Z_.-]+$/, "must be an e-mail address")
      .default("tokens@localhost"),
    "service-version": z.string().min(1).optional(),
    staging: onOrOff,
    "public-url": path.optional(),
    "access-token-audience": z.string().min(1).optional(),
    "google-accounts": list,
    "google-iam-endpoint": path.optional(),
    storage: path.optional(),
    "key-encryption-key": path.optional(),
    "key-lead": z.string().default("10m"),
    "key-rotation": z.string().default("720h"),
    signer: path.optional(),
    audit: z.enum(["required", "best-effort"]).default("required"),
    "audit-retention": z.string().default("8760h"),
    "audit-retention-machines": z.string().default("2160h"),
    "tls-cert": path.optional(),
    "tls-key": path.optional(),
    "tls-client-ca": path.optional(),
    "allow-crl-host": list,
    "accept-rollback": onOrOff,
    "crl-max-age": z.string().optional(),
    "crl-max-bytes": z.string().optional(),
    "crl-bearer-file": path.optional(),
    "allow-service-host": list,
    "trusted-proxy": list,
    "oidc-issuer": list,
    "oidc-audience": list,
    "oidc-domains": list,
  })
  .refine((settings) => (settings["tls-cert"] === undefined) === (settings["tls-key"] === undefined), {
    error: "tls-cert and tls-key need each other",
  })
  .refine((settings) => settings["tls-client-ca"] === undefined || settings["tls-cert"] !== undefined, {
    error: "tls-client-ca needs tls-cert and tls-key",
  });

/** How this process runs. */
export type Settings = z.output<typeof schema>;

/**
 * Puts the settings together: a flag beats the environment, which beats the settings file, which beats the default.
 * Throws a UsageError that names what is wrong.
 */
export function readSettings(
  flags: Readonly<Record<string, string | true | readonly string[] | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): Settings {
  if (/^[A-Za-z0-9+/]{43}=$/.test(String(flags["key-encryption-key"]))) {
    throw new UsageError("--key-encryption-key takes a file: what is on the command line can be read by everybody");
  }
  const given: Record<string, unknown> = file === undefined ? {} : readSettingsFile(file);
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const value = flags[name] ?? fromEnvironment(name, environment[environmentName(name)]);
    if (value !== undefined) given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new UsageError(result.error.issues.map(describeIssue).join("\n"));
}

function fromEnvironment(name: SettingName, value: string | undefined): string | string[] | undefined {
  return value !== undefined && REPEATABLE.has(name) ? value.split(/\s+/).filter((part) => part !== "") : value;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `no such setting: ${issue.keys.join(", ")}`;
  const name = issue.path.join(".");
  if (name === "") return issue.message;
  const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  const ways = `--${name}, ${environmentName(name as SettingName)} or ${name} in the settings file`;
  return missing ? `${name} is missing: set ${ways}` : `${name}: ${issue.message} (${ways})`;
}

function readSettingsFile(file: string): Record<string, unknown> {
  try {
    const document: unknown = parseYaml(readFileSync(file, "utf8")) ?? {};
    if (typeof document !== "object" || Array.isArray(document)) throw new Error("it is not a list of settings");
    return { ...document };
  } catch (error) {
    throw new UsageError(`the settings file ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
