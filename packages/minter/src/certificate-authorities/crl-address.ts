import { isIP } from "node:net";
import { type AllowedHosts, hostOf, isAllowedHost, isPublicAddress } from "../fetch/guarded-address.js";

/** Hosts whose revocation lists may be fetched from any address, as `host:port`. */
export type CrlHosts = AllowedHosts;

/** Why a list cannot be fetched from there, as far as the URL tells; undefined if it can. */
export function whyNoCrlUrl(text: string, hosts: CrlHosts): string | undefined {
  if (!URL.canParse(text)) return "is no URL";
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return "is neither http nor https";
  if (url.username !== "" || url.password !== "") return "has a user name or password in it";
  const host = hostOf(url);
  const isPrivate = (isIP(host) !== 0 && !isPublicAddress(host)) || /(^|\.)localhost\.?$/.test(host);
  if (!isPrivate || isAllowedHost(url, hosts)) return undefined;
  return `names a private address; --allow-crl-host ${url.hostname}:${url.port || "PORT"} allows it`;
}
