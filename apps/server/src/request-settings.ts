import type { TokenServerParts } from "@tokens/minter";
import type { Settings } from "./settings.js";

/** How requests for machine tokens are told to be for this server, and not used twice. */
export function requestSettings(
  settings: Pick<Settings, "server-name" | "max-seen-requests">,
  publicUrl: () => string,
): Pick<TokenServerParts, "serverNames" | "seenCapacity"> {
  const named = new Set(settings["server-name"]);
  const serverNames = () => (named.size > 0 ? named : new Set([publicUrl()]));
  return { serverNames, seenCapacity: Number(settings["max-seen-requests"]) };
}
