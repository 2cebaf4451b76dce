import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** The port that a call came in on: everybody's, or the one that only administrators of this machine reach. */
export type ListenerName = "public" | "admin";

/** Which listener a call came in on. Whoever forgets to say so gets the one without rights. */
export const listenerKey: ContextKey<ListenerName> = createContextKey<ListenerName>("public", {
  description: "listener",
});
