import { type GoogleAccounts, googleAccountsProblem, Unavailable } from "@tokens/minter";
import { UsageError } from "./exit-code.js";
import type { Settings } from "./settings.js";

/** Who makes the tokens of service accounts. */
export interface ReadCredentialSettings {
  /** The URL of this server as an issuer. Throws Unavailable before it is known. */
  readonly publicUrl: () => string;
  readonly accessTokenAudience: string | undefined;
  readonly googleAccounts: GoogleAccounts;
}

/**
 * Reads the settings of service accounts' tokens. The issuer is where this server listens, unless it is told otherwise;
 * Google's usual variables name its credentials. Throws a UsageError.
 */
export function credentialSettings(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
  listeningUrl: () => string | undefined,
): ReadCredentialSettings {
  const googleAccounts = {
    domains: settings["google-accounts"],
    identity: {
      keyFile: environment["GOOGLE_APPLICATION_CREDENTIALS"],
      metadataHost: environment["GCE_METADATA_HOST"],
    },
    endpoint: settings["google-iam-endpoint"],
  };
  const problem = googleAccountsProblem(googleAccounts);
  if (problem !== undefined) throw new UsageError(`google-accounts, google-iam-endpoint: ${problem}`);
  const given = settings["public-url"] === undefined ? undefined : issuerOf(settings["public-url"]);
  const publicUrl = () => {
    const url = given ?? listeningUrl();
    if (url === undefined) throw new Unavailable("the server is starting");
    return url;
  };
  return { publicUrl, accessTokenAudience: settings["access-token-audience"], googleAccounts };
}

/** The name of an issuer is compared letter by letter: there is one way to write it, without a slash at its end. */
function issuerOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  const issuer = `${url?.origin}${url?.pathname}`.replace(/\/+$/, "");
  if (isWeb && issuer === text.replace(/\/+$/, "")) return issuer;
  throw new UsageError(
    `public-url: ${JSON.stringify(text)} is no web address in its usual form, like https://tokens.example.com`,
  );
}
