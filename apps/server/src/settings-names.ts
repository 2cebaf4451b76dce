/** Name of a setting: its flag without dashes, its key in a settings file. */
export type SettingName =
  | "config"
  | "data"
  | "listen"
  | "admin-listen"
  | "server-name"
  | "max-seen-requests"
  | "max-connections"
  | "max-calls"
  | "max-waiting-calls"
  | "rate-limit-address"
  | "rate-limit-certificate"
  | "app-id"
  | "service-account"
  | "service-version"
  | "staging"
  | "public-url"
  | "access-token-audience"
  | "google-accounts"
  | "google-iam-endpoint"
  | "storage"
  | "key-encryption-key"
  | "key-lead"
  | "key-rotation"
  | "signer"
  | "audit"
  | "audit-retention"
  | "audit-retention-machines"
  | "tls-cert"
  | "tls-key"
  | "tls-client-ca"
  | "allow-crl-host"
  | "accept-rollback"
  | "crl-max-age"
  | "crl-max-bytes"
  | "crl-bearer-file"
  | "allow-service-host"
  | "trusted-proxy"
  | "oidc-issuer"
  | "oidc-audience"
  | "oidc-domains";

/** Each setting, what it takes and what it means. What takes nothing is on or off. */
export const SETTINGS: Record<SettingName, readonly [value: string, meaning: string]> = {
  config: ["DIR", "folder with tokenserver.cfg and the CA certificates that it names"],
  data: ["DIR", "folder for what the server keeps; made if it is not there"],
  listen: ["HOST:PORT", "address for machines and backends (default 127.0.0.1:8080); port 0 takes a free one"],
  "admin-listen": [
    "ADDRESS",
    "address for administrators: unix:PATH or a loopback HOST:PORT (default unix:DATA/admin.sock)",
  ],
  "server-name": ["TEXT", "name that a request's server_name may carry (repeatable; default: the --public-url)"],
  "max-connections": [
    "NUMBER",
    "connections at a time, of which those that wait for the longest give way (default 10000)",
  ],
  "max-calls": ["NUMBER", "calls that are answered at a time (default 256)"],
  "max-waiting-calls": ["NUMBER", "calls that wait meanwhile; more are turned away (default 1024)"],
  "rate-limit-address": [
    "NUMBER/DURATION",
    "calls of one peer address, like 600/1m (default: no limit); behind a proxy give its --trusted-proxy",
  ],
  "rate-limit-certificate": [
    "NUMBER/DURATION",
    "requests for tokens with one certificate, like 10/1m (default: no limit)",
  ],
  "max-seen-requests": ["NUMBER", "how many requests with a nonce are remembered at most (default 1000000)"],
  "app-id": ["ID", "whose configuration this is (default tokens)"],
  "service-account": ["EMAIL", "who the tokens say issued them (default tokens@localhost)"],
  "service-version": ["TEXT", "what responses call the version (default ID/VERSION)"],
  staging: ["", "a server for trials: projects have their staging accounts, where projects.cfg names them"],
  "public-url": ["URL", "where others reach the server: the issuer of its JWTs (default: where it listens)"],
  "access-token-audience": ["TEXT", "who accepts the access tokens that the server makes itself (default: the issuer)"],
  "google-accounts": [
    "DOMAIN",
    "domain of service accounts whose tokens Google makes; *.DOMAIN is all below one (repeatable)",
  ],
  "google-iam-endpoint": ["URL", "where Google makes them (default https://iamcredentials.googleapis.com)"],
  storage: ["FILE|URL", "a SQLite file (default DATA/tokens.db), or postgres://… for several servers together"],
  "key-encryption-key": [
    "FILE|URI",
    "file with 32 random bytes in base64, or gcp-kms://…: encrypts private keys at rest; postgres:// needs it",
  ],
  "key-lead": ["DURATION", "how long a signing key is published before it signs (default 10m)"],
  "key-rotation": ["DURATION", "how long a signing key signs before another one does (default 720h)"],
  signer: ["URI", "where signing keys are made: pkcs11:… or gcp-kms://… (default: in this process)"],
  audit: [
    "MODE",
    "required (default): no token leaves before its record is committed; best-effort: it leaves, losses are counted",
  ],
  "audit-retention": ["DURATION", "how long records of decisions are kept (default 8760h)"],
  "audit-retention-machines": ["DURATION", "how long records of machine tokens and refusals are kept (default 2160h)"],
  "tls-cert": ["FILE", "certificate chain in PEM; serves TLS"],
  "tls-key": ["FILE", "private key of --tls-cert in PEM"],
  "tls-client-ca": ["FILE", "CA certificates in PEM: machines with a certificate of theirs are bot:<host name>"],
  "allow-crl-host": ["HOST:PORT", "host of revocation lists that may have a private address (repeatable)"],
  "accept-rollback": [
    "",
    "start with a storage that is older than what was published; what was revoked since is lost. For one start only",
  ],
  "crl-max-age": ["DURATION", "greatest age of a revocation list (default: as its nextUpdate says)"],
  "crl-max-bytes": ["BYTES", "largest revocation list (default 134217728)"],
  "crl-bearer-file": ["FILE", "bearer token that is sent for lists with use_oauth; read for each fetch"],
  "allow-service-host": [
    "HOST:PORT",
    "service that delegations may name by its URL though it has a private address (repeatable)",
  ],
  "trusted-proxy": ["CIDR", "network of a proxy whose X-Forwarded-For is believed (repeatable)"],
  "oidc-issuer": ["URL", "OpenID issuer whose bearer tokens are user:<e-mail> (repeatable)"],
  "oidc-audience": ["TEXT", "audience of the tokens of the --oidc-issuer at the same place (repeatable)"],
  "oidc-domains": [
    "DOMAIN,…",
    "the only e-mail domains that the issuer at the same place vouches for; with two issuers each needs them (repeatable)",
  ],
};

/** Settings that take several values: repeated flags, a list in a settings file, separated by blanks in the environment. */
export const REPEATABLE: ReadonlySet<string> = new Set<SettingName>([
  "google-accounts",
  "server-name",
  "allow-crl-host",
  "allow-service-host",
  "trusted-proxy",
  "oidc-issuer",
  "oidc-audience",
  "oidc-domains",
]);

/** The environment variable of a setting. */
export function environmentName(name: SettingName): string {
  return `TOKENS_${name.toUpperCase().replaceAll("-", "_")}`;
}
