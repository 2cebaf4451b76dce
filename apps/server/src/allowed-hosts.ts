import { UsageError } from "./exit-code.js";

/**
 * Hosts as URLs spell them: in lower case, IPv6 addresses in brackets and in their shortest form. Throws a UsageError that
 * names the setting.
 */
export function allowedHosts(setting: string, given: readonly string[]): ReadonlySet<string> {
  return new Set(given.map((text) => normalHost(setting, text)));
}

function normalHost(setting: string, text: string): string {
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const url = `http://${host}:${port}`;
  if (host === "" || !URL.canParse(url) || new URL(url).pathname !== "/")
    throw new UsageError(`${setting} must be HOST:PORT, and not ${JSON.stringify(text)}`);
  return `${new URL(url).hostname}:${Number(port)}`;
}
