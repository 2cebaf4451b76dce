import type { UnaryProtocol } from "@tokens/client/machine-token";
import { groupNumber } from "./group.js";
import {
  type FlagDefinition,
  type FlagDefinitions,
  type FlagType,
  type FlagValues,
  parseFlags,
  type ParsedFlags,
  usage,
  wrong,
} from "./flag-parser.js";

/** What the agent was asked to keep fresh, and how. */
export interface Flags {
  /** Where the private key comes from: a file, `-`, `fd:N`, `env:NAME` or a `pkcs11:` URI. */
  readonly key: string;
  /** Where the key's passphrase comes from; empty: it has none. */
  readonly passphrase: string;
  readonly certificateFile: string;
  /** `host[:port]` of the token server. */
  readonly backend: string;
  readonly protocol: UnaryProtocol;
  /** Empty: the CAs that Node knows. */
  readonly caFile: string;
  /** Empty: requests carry no nonce. */
  readonly serverName: string;
  /** Services that the token is to be meant for; none: any service. */
  readonly audience: readonly string[];
  readonly tokenFile: string;
  readonly tokenFileCopies: readonly string[];
  /** Empty: no status is written. */
  readonly statusFile: string;
  /** Permission bits of what is written. */
  readonly mode: number;
  /** Group of what is written; undefined: the one that new files get. */
  readonly gid: number | undefined;
  readonly followLinks: boolean;
  readonly strictPermissions: boolean;
  readonly timeoutMs: number;
  readonly forceRefresh: boolean;
  readonly splayMs: number;
  /** Where the metrics go; empty: nowhere. */
  readonly metricsEndpoint: string;
  /** Flags of LUCI's monitoring that were given and mean nothing here. */
  readonly ignored: readonly string[];
}

const flag = (type: FlagType, initial: string, meaning: string): FlagDefinition => ({ type, initial, meaning });
const text = (meaning: string): FlagDefinition => flag("string", "", meaning);
const required = (meaning: string): FlagDefinition => ({ ...text(meaning), required: true });
const ignored = (type: FlagType, initial = ""): FlagDefinition => flag(type, initial, "accepted and ignored");

/** Flags of everything that mints a token. */
export const MINT_FLAGS: FlagDefinitions = {
  "pkey-pem": required(
    "private key (RSA, EC P-256 or P-384, Ed25519): a PEM file, - (stdin), fd:N, env:NAME, or a pkcs11: URI",
  ),
  "cert-pem": required("file with the certificate, PEM"),
  backend: required("token server: host[:port]; http for localhost: and 127.0.0.1:, https else"),
  "token-file": required("where to keep the token"),
  "pkey-passphrase": text("passphrase of the key, or PIN of its token: a file, - (stdin), fd:N or env:NAME"),
  protocol: flag("string", "prpc", "protocol: prpc, connect or grpc"),
  "ca-file": text("PEM file with the only CAs to trust for the server"),
  "server-name": text("send a nonce and this server name: a request is then good for one call"),
  audience: flag("list", "", "service that may take the token, like service:files; repeatable; none: any"),
  timeout: flag("duration", "60s", "how long the run may take"),
};

/** Flags of everything that keeps token files. */
export const KEEP_FLAGS: FlagDefinitions = {
  ...MINT_FLAGS,
  "token-file-copy": flag("list", "", "where to keep a copy of the token; repeatable"),
  "status-file": text("where to report how the run went"),
  mode: flag("mode", "0600", "permissions of written files"),
  group: text("group of written files: name or number"),
  follow: flag("bool", "false", "follow symbolic links to and in written paths"),
  "strict-permissions": flag("bool", "false", "fail, not warn, where others could read the key or replace the token"),
};

/** LUCI's flags for its monitoring. */
export const MONITORING_FLAGS: FlagDefinitions = {
  "ts-mon-endpoint": text("file://PATH for metrics after the run; none: nowhere"),
  "ts-mon-config-file": ignored("string", "/etc/chrome-infra/ts-mon.json"),
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

const ONE_SHOT_FLAGS: FlagDefinitions = {
  ...KEEP_FLAGS,
  "force-refresh": flag("bool", "false", "get a new token even if the old one is fine"),
  splay: flag("duration", "0s", "wait up to this long before a call, each host its own time, on top of -timeout"),
  ...MONITORING_FLAGS,
};

/** Reads the command line of one run. */
export function parseOneShotFlags(args: readonly string[]): ParsedFlags<Flags> {
  const parsed = parseFlags(args, ONE_SHOT_FLAGS);
  return parsed.kind === "run" ? toFlags(parsed.flags) : parsed;
}

/** The meaning of the values, as far as the command has the flags. */
export function toFlags(values: FlagValues): ParsedFlags<Flags> {
  const group = values.text("group");
  let gid: number | undefined;
  try {
    gid = group === "" ? undefined : groupNumber(group);
  } catch (error) {
    return wrong(`-group: ${(error as Error).message}`);
  }
  const protocol = values.text("protocol");
  if (protocol !== "prpc" && protocol !== "connect" && protocol !== "grpc") {
    return wrong("-protocol must be prpc, connect or grpc");
  }
  // Every user of a machine can read the command lines on it.
  if (values.text("pkey-pem").includes("PRIVATE KEY"))
    return wrong("-pkey-pem names where the key is; it is not the key");
  const flags: Flags = {
    key: values.text("pkey-pem"),
    passphrase: values.text("pkey-passphrase"),
    certificateFile: values.text("cert-pem"),
    backend: values.text("backend"),
    protocol,
    caFile: values.text("ca-file"),
    serverName: values.text("server-name"),
    audience: values.list("audience"),
    tokenFile: values.text("token-file"),
    tokenFileCopies: values.list("token-file-copy"),
    statusFile: values.text("status-file"),
    mode: Number.parseInt(values.text("mode") || "600", 8),
    gid,
    followLinks: values.bool("follow"),
    strictPermissions: values.bool("strict-permissions"),
    timeoutMs: values.duration("timeout"),
    forceRefresh: values.bool("force-refresh"),
    splayMs: values.duration("splay"),
    metricsEndpoint: values.text("ts-mon-endpoint"),
    ignored: values.given.filter((name) => MONITORING_FLAGS[name]?.meaning.includes("ignored")),
  };
  return { kind: "run", flags };
}

/** The help text. */
export function oneShotUsage(): string {
  const headline = `Usage of tokend: keeps a machine's token fresh. Run it every ten minutes or so, or see
"tokend run -help" (stays and does it by itself), "tokend doctor -help" (says what is wrong), "tokend print -help".`;
  return usage(headline, ONE_SHOT_FLAGS);
}
