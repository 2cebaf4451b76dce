import { parseGoDuration } from "./go-duration.js";

/** What one run of the agent was asked. */
export interface Flags {
  readonly keyFile: string;
  readonly certificateFile: string;
  /** `host[:port]` of the token server. */
  readonly backend: string;
  readonly tokenFile: string;
  readonly tokenFileCopies: readonly string[];
  /** Empty: no status is written. */
  readonly statusFile: string;
  readonly timeoutMs: number;
  readonly forceRefresh: boolean;
}

/** A command line, read: run, show the usage, or say what is wrong with it. */
export type ParsedFlags =
  | { readonly kind: "run"; readonly flags: Flags }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

type FlagType = "string" | "list" | "bool" | "duration" | "int";

interface FlagDefinition {
  readonly type: FlagType;
  readonly initial: string;
  readonly meaning: string;
  readonly required?: true;
}

const flag = (type: FlagType, initial: string, meaning: string): FlagDefinition => ({ type, initial, meaning });
const required = (meaning: string): FlagDefinition => ({ ...flag("string", "", meaning), required: true });
const ignored = (type: FlagType, initial = ""): FlagDefinition => flag(type, initial, "accepted and ignored");

/** All flags, the required ones in the order in which they are asked for. */
const DEFINITIONS: Readonly<Record<string, FlagDefinition>> = {
  "pkey-pem": required("file with the private key, PEM: RSA, EC P-256 or P-384, Ed25519"),
  "cert-pem": required("file with the certificate, PEM"),
  backend: required("token server: host[:port]; http for localhost: and 127.0.0.1:, https else"),
  "token-file": required("where to keep the token"),
  "token-file-copy": flag("list", "", "where to keep a copy of the token; repeatable"),
  "status-file": flag("string", "", "where to report how the run went"),
  timeout: flag("duration", "60s", "how long the run may take"),
  "force-refresh": flag("bool", "false", "get a new token even if the old one is fine"),
  "ts-mon-config-file": ignored("string", "/etc/chrome-infra/ts-mon.json"),
  "ts-mon-endpoint": ignored("string"),
  "ts-mon-credentials": ignored("string"),
  "ts-mon-act-as": ignored("string"),
  "ts-mon-flush": ignored("string", "manual"),
  "ts-mon-flush-interval": ignored("duration", "1m"),
  "ts-mon-target-type": ignored("string", "task"),
  "ts-mon-device-hostname": ignored("string"),
  "ts-mon-device-region": ignored("string"),
  "ts-mon-device-role": ignored("string", "default"),
  "ts-mon-device-network": ignored("string"),
  "ts-mon-task-service-name": ignored("string", "luci_machine_tokend"),
  "ts-mon-task-job-name": ignored("string", "default"),
  "ts-mon-task-region": ignored("string"),
  "ts-mon-task-hostname": ignored("string"),
  "ts-mon-task-number": ignored("int", "0"),
  "ts-mon-autogen-hostname": ignored("bool", "false"),
};

/** A value that Go's flag package would take for a boolean. */
const BOOLEANS: Record<string, boolean> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/**
 * Reads a command line by the rules of Go's flag package: one dash or two, `-name value` or `-name=value`, booleans
 * without a value of their own, and everything from the first argument that is no flag is ignored.
 */
export function parseFlags(args: readonly string[]): ParsedFlags {
  const values = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (argument === "--" || argument.length < 2 || !argument.startsWith("-")) break;
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(argument);
    if (!match) return wrong(`bad flag syntax: ${argument}`);
    const [, name = "", attached] = match;
    const definition = Object.hasOwn(DEFINITIONS, name) ? DEFINITIONS[name] : undefined;
    if (!definition && (name === "h" || name === "help")) return { kind: "help" };
    if (!definition) return wrong(`flag provided but not defined: -${name}`);
    const value = attached ?? (definition.type === "bool" ? "true" : args[++i]);
    if (value === undefined) return wrong(`flag needs an argument: -${name}`);
    const reason = whyInvalid(definition.type, value);
    if (reason !== undefined) return wrong(`invalid value ${JSON.stringify(value)} for flag -${name}: ${reason}`);
    values.set(name, definition.type === "list" ? [...(values.get(name) ?? []), value] : [value]);
  }
  return toFlags(values);
}

function wrong(message: string): ParsedFlags {
  return { kind: "wrong", message };
}

function whyInvalid(type: FlagType, value: string): string | undefined {
  if (type === "bool" && !Object.hasOwn(BOOLEANS, value)) return "not true or false";
  if (type === "duration" && parseGoDuration(value) === undefined) return "not a duration like 60s or 1m30s";
  if (type === "int" && !/^[+-]?\d+$/.test(value)) return "not a whole number";
  if (type === "list" && value === "") return "empty";
  return undefined;
}

function toFlags(values: ReadonlyMap<string, readonly string[]>): ParsedFlags {
  const value = (name: string) => values.get(name)?.at(-1) ?? DEFINITIONS[name]?.initial ?? "";
  for (const [name, definition] of Object.entries(DEFINITIONS)) {
    if (definition.required && value(name) === "") return wrong(`-${name} is required`);
  }
  const flags: Flags = {
    keyFile: value("pkey-pem"),
    certificateFile: value("cert-pem"),
    backend: value("backend"),
    tokenFile: value("token-file"),
    tokenFileCopies: values.get("token-file-copy") ?? [],
    statusFile: value("status-file"),
    timeoutMs: parseGoDuration(value("timeout")) ?? 0,
    forceRefresh: BOOLEANS[value("force-refresh")] ?? false,
  };
  return { kind: "run", flags };
}

/** The help text. */
export function usage(): string {
  const lines = Object.entries(DEFINITIONS).map(([name, { type, initial, meaning, required: isRequired }]) => {
    const takes = type === "bool" ? "" : ` ${type === "list" ? "string" : type}`;
    const fallback = isRequired ? " (required)" : initial === "" ? "" : ` (default ${initial})`;
    return `  -${name}${takes}\n        ${meaning}${fallback}`;
  });
  return `Usage of tokend: keeps a machine's token fresh. Run it every ten minutes or so.\n${lines.join("\n")}\n`;
}
