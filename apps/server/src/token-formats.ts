/** A token that is to be printed. */
export interface PrintedToken {
  readonly kind: "access" | "id";
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiryMs: number;
}

/** How tokens are printed: bare, or as programs want them that run a command to get credentials. */
export const TOKEN_FORMATS = ["token", "credential-process", "exec-credential"] as const;
export type TokenFormat = (typeof TOKEN_FORMATS)[number];

/** The names of RFC 8693 §3. */
const TOKEN_TYPES = {
  access: "urn:ietf:params:oauth:token-type:access_token",
  id: "urn:ietf:params:oauth:token-type:id_token",
};

/** A token in a format, on one line. */
export function formatToken(printed: PrintedToken, format: TokenFormat): string {
  if (format === "token") return printed.token;
  return JSON.stringify(format === "credential-process" ? processCredential(printed) : execCredential(printed));
}

/** What Google's libraries want of an executable (`credential_source.executable`), and others who took it over. */
function processCredential({ kind, token, expiryMs }: PrintedToken): object {
  return {
    version: 1,
    success: true,
    token_type: TOKEN_TYPES[kind],
    [`${kind}_token`]: token,
    expiration_time: Math.floor(expiryMs / 1000),
  };
}

/** What kubectl and other clients of Kubernetes want of a credential plugin. */
function execCredential({ token, expiryMs }: PrintedToken): object {
  const expirationTimestamp = new Date(expiryMs).toISOString();
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token, expirationTimestamp },
  };
}

/** Why there is no token: the RPC's code by name, and its words. */
export interface TokenFailure {
  readonly code: string;
  readonly message: string;
}

/** What a format has to say of a failure on stdout; undefined: nothing. */
export function formatFailure({ code, message }: TokenFailure, format: TokenFormat): string | undefined {
  if (format !== "credential-process") return undefined;
  return JSON.stringify({ version: 1, success: false, code, message });
}
