import { BlockList, isIP } from "node:net";

/** Variables of an environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment asks for, by the rules of Go's programs: `HTTPS_PROXY` or `HTTP_PROXY` by the scheme of
 * the URL, unless `NO_PROXY` names its host; lower case does as well. Loopback addresses never go through a proxy. Throws
 * an Error for a proxy that is not an http or https URL.
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  if (isLoopback(host)) return undefined;
  if (exceptions(variable(environment, "NO_PROXY")).some((each) => matches(each, host, port))) return undefined;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  // In a CGI program HTTP_PROXY is a header of the request, and not to be trusted.
  const isForged = name === "HTTP_PROXY" && environment["REQUEST_METHOD"] !== undefined;
  const value = isForged ? "" : variable(environment, name);
  return value === "" ? undefined : parseProxy(value, name);
}

function variable(environment: Environment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || "";
}

function parseProxy(value: string, name: string): URL {
  const text = value.includes("://") ? value : `http://${value}`;
  // The value may hold a password: it is not repeated.
  if (!URL.canParse(text)) throw new Error(`${name} is not a URL; use http://HOST:PORT`);
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new Error(`${name} is a ${url.protocol} URL; only http: and https: proxies are supported`);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function exceptions(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== "");
}

/** One entry of NO_PROXY: `*`, an address, a range of addresses, a domain with all below it, or `.domain` for those below. */
function matches(exception: string, host: string, port: string): boolean {
  if (exception === "*") return true;
  if (exception.includes("/")) return isInRange(host, exception);
  const [, name = exception, onlyPort = port] = isIP(exception) ? [] : (/^(.*?)(?::(\d+))?$/.exec(exception) ?? []);
  if (onlyPort !== port) return false;
  const pattern = name.replace(/^\[(.*)\]$/, "$1").replace(/^\*(?=\.)/, "");
  if (isIP(pattern)) return pattern === host;
  return pattern.startsWith(".") ? host.endsWith(pattern) : host === pattern || host.endsWith(`.${pattern}`);
}

function isInRange(host: string, range: string): boolean {
  const [address = "", bits = ""] = range.split("/");
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (isIP(host) === 0 || isIP(address) === 0 || prefix > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
}
