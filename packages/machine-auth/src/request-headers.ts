import type { Credentials } from "./authenticate.js";
import { DELEGATION_TOKEN_HEADER } from "./delegation-token.js";
import { isForged, PROJECT_HEADER } from "./identity-headers.js";
import { MACHINE_TOKEN_HEADER } from "./machine-token.js";

/** The headers of a request of `node:http` or `node:http2`. */
export interface NodeHeaders {
  readonly rawHeaders: string[];
  readonly headers: NodeJS.Dict<string | string[]>;
  /** Not there with HTTP/2. */
  readonly headersDistinct?: NodeJS.Dict<string[]>;
}

/** Reads the credentials of a request, every value of each header. Proxies may join values with commas. */
export function credentialsOf(valuesOf: (name: string) => readonly string[]): Credentials {
  const split = (name: string) => valuesOf(name.toLowerCase()).flatMap((value) => value.split(","));
  return {
    machineTokens: split(MACHINE_TOKEN_HEADER),
    delegationTokens: split(DELEGATION_TOKEN_HEADER),
    projects: split(PROJECT_HEADER),
  };
}

/** The values of a header as they came: Node's `headers` keep one, or join them. */
export function rawValues({ rawHeaders }: NodeHeaders): (name: string) => readonly string[] {
  return (name) => rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** The values of a header where Fetch's headers are all there is: several are joined with commas. */
export function webValues(headers: Headers): (name: string) => readonly string[] {
  return (name) => {
    const value = headers.get(name);
    return value === null ? [] : [value];
  };
}

/** Removes identity headers that a client made up, wherever Node keeps them. */
export function removeForgedHeaders({ headers, headersDistinct, rawHeaders }: NodeHeaders): void {
  // Both views are read above before anything is cut: Node makes them from `rawHeaders` as long as it was on arrival.
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    const name = rawHeaders[at] ?? "";
    if (!isForged(name)) continue;
    rawHeaders.splice(at, 2);
    delete headers[name.toLowerCase()];
    delete headersDistinct?.[name.toLowerCase()];
  }
}

/** Sets headers for an application that reads the request after us. */
export function setHeaders(request: NodeHeaders, added: Record<string, string>): void {
  const { headers, headersDistinct, rawHeaders } = request;
  for (const [name, value] of Object.entries(added)) {
    rawHeaders.push(name, value);
    headers[name.toLowerCase()] = value;
    if (headersDistinct) headersDistinct[name.toLowerCase()] = [value];
  }
}
